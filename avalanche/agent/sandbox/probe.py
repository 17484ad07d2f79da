"""Which sandbox works on this machine: found by running `/bin/true` in each, the strongest first."""

import shutil
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from avalanche.agent import buildroot
from avalanche.agent.sandbox.bubblewrap import Bubblewrap
from avalanche.agent.sandbox.nspawn import Nspawn
from avalanche.agent.sandbox.protocol import Command, Sandbox, SandboxFailed

AUTO = "auto"
_PROGRAMS = {"nspawn": "systemd-nspawn", "bubblewrap": "bwrap"}
_MAKERS: dict[str, Callable[..., Sandbox]] = {"nspawn": Nspawn, "bubblewrap": Bubblewrap}


class NoSandbox(Exception):
    """No sandbox that is permitted works here; the message says why for each."""


@lru_cache(maxsize=64)
def choose(
    *, wanted: str, base: Path, directory: Path, group: str, memory_limit: int = 0, cpus: tuple[int, ...] = ()
) -> Sandbox:
    """Gives the strongest sandbox that works, or the `wanted` one; its trial runs in a directory below `directory`.

    A process asks once: the answer is kept. Raises `NoSandbox`.
    """
    reasons = []
    for name in _PROGRAMS if wanted == AUTO else (wanted,):
        if name not in _MAKERS:
            raise NoSandbox(f"SERPENT_SANDBOX is {wanted!r}; it must be auto, {' or '.join(_MAKERS)}")
        sandbox = _MAKERS[name](group=group, memory_limit=memory_limit, cpus=cpus)
        problem = "is not installed" if shutil.which(_PROGRAMS[name]) is None else trial(sandbox, base, directory)
        if not problem:
            return sandbox
        reasons.append(f"{_PROGRAMS[name]} {problem}")
    raise NoSandbox("no sandbox works here: " + "; ".join(reasons))


def trial(sandbox: Sandbox, base: Path, directory: Path) -> str:
    """Runs `/bin/true` in a root of its own; gives "" when that works, else why not."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="trial-", dir=directory, ignore_cleanup_errors=True) as place:
        try:
            root = buildroot.assemble(Path(place), base=base, dependencies=None, has_network=False)
            ending = sandbox.run(root, Command(argv=["/bin/true"]), on_output=lambda _: None)
        except (SandboxFailed, buildroot.BaseImageUnusable, OSError) as error:
            return f"does not work: {error}"
        return "" if ending.is_success else f"ends with {ending.status}"
