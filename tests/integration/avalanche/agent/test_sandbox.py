"""Sandboxes for real: what a command sees, how its end is told, and that nothing outlives it."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from avalanche.agent import buildroot
from avalanche.agent.sandbox import probe
from avalanche.agent.sandbox.cgroups import Group
from avalanche.agent.sandbox.protocol import Bind, BuildRoot, Command, Ending, Sandbox, SandboxFailed, never
from tests.integration.avalanche.agent.bench import BASE, gone_within, groups_left, make_sandbox, processes_with

pytestmark = pytest.mark.nspawn
PROJECT = Path(__file__).resolve().parents[4]
PATH = {"PATH": "/usr/bin:/usr/sbin"}


@pytest.fixture(params=["nspawn", "bubblewrap"])
def sandbox(request: pytest.FixtureRequest, group: str) -> Iterator[Sandbox]:
    yield make_sandbox(request.param, group)
    assert groups_left(group) == []


@pytest.fixture
def root(tmp_path: Path) -> BuildRoot:
    dependencies = tmp_path / "layer"
    (dependencies / "share").mkdir(parents=True)
    (dependencies / "share" / "dependency").write_text("unpacked\n")
    return buildroot.assemble(tmp_path / "place", base=BASE, dependencies=dependencies, has_network=False)


def run(sandbox: Sandbox, root: BuildRoot, script: str, **changes: object) -> tuple[Ending, str]:
    output = bytearray()
    command = Command(argv=["/usr/bin/bash", "-c", script], environment=PATH, **changes)  # type: ignore[arg-type]
    ending = sandbox.run(root, command, on_output=output.extend)
    return ending, output.decode()


@pytest.mark.parametrize(
    ("script", "status"), [("true", 0), ("exit 1", 1), ("exit 37", 37), ("exit 255", 255), ("kill -9 $$", 137)]
)
def test_the_status_is_the_commands_own(sandbox: Sandbox, root: BuildRoot, script: str, status: int) -> None:
    assert run(sandbox, root, script)[0] == Ending(status=status)


def test_output_and_errors_come_in_the_order_written_without_the_sandboxes_own_words(
    sandbox: Sandbox, root: BuildRoot
) -> None:
    assert run(sandbox, root, "echo one; echo two >&2; printf three")[1] == "one\ntwo\nthree"


def test_much_output_arrives_whole(sandbox: Sandbox, root: BuildRoot) -> None:
    _, said = run(sandbox, root, "seq 1 200000")

    assert said.splitlines() == [str(number) for number in range(1, 200_001)]


def test_the_environment_is_exactly_what_was_asked_for(sandbox: Sandbox, root: BuildRoot) -> None:
    output = bytearray()
    command = Command(argv=["/usr/bin/env"], environment={"HOME": "/mason", "GREETING": "two words"})
    sandbox.run(root, command, on_output=output.extend)

    assert sorted(output.decode().splitlines()) == ["GREETING=two words", "HOME=/mason"]


def test_usr_is_the_dependencies_over_the_base_and_writing_changes_neither(sandbox: Sandbox, root: BuildRoot) -> None:
    ending, said = run(
        sandbox,
        root,
        "cat /usr/share/dependency; echo changed > /usr/share/dependency; echo new > /usr/bin/new-program",
    )

    assert (ending.status, said) == (0, "unpacked\n")
    assert (root.lower[0] / "share" / "dependency").read_text() == "unpacked\n"
    assert not (BASE / "usr/bin/new-program").exists()
    assert (root.upper / "bin" / "new-program").exists()


def test_the_hosts_files_and_processes_are_out_of_sight(sandbox: Sandbox, root: BuildRoot, tmp_path: Path) -> None:
    _, said = run(sandbox, root, f"ls {tmp_path} 2>&1; ls -d /proc/[0-9]* | wc -l; ls /usr/local")

    assert "No such file or directory" in said
    assert int(said.splitlines()[1]) < 10


def test_a_read_only_bind_cannot_be_written_and_a_writable_one_can(
    sandbox: Sandbox, root: BuildRoot, tmp_path: Path
) -> None:
    for name in ("kept", "open"):
        (tmp_path / name).mkdir()
    binds = (
        Bind(source=tmp_path / "kept", target="/mason/recipe"),
        Bind(source=tmp_path / "open", target="/mason/artefacts", is_writable=True),
    )
    _, said = run(sandbox, root, "touch /mason/recipe/x /mason/artefacts/x", binds=binds)

    assert "Read-only file system" in said
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.glob("[ko]*/x")) == [Path("open/x")]


def test_without_a_network_only_loopback_is_there(sandbox: Sandbox, root: BuildRoot) -> None:
    _, said = run(sandbox, root, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")

    assert said.split() == ["lo"]


def test_a_build_that_replaces_its_status_file_leads_the_host_nowhere(sandbox: Sandbox, root: BuildRoot) -> None:
    ending, _ = run(sandbox, root, "rm -f /run/avalanche/exit; mkdir /run/avalanche/exit; exit 3")

    assert ending.status != 0


def test_what_the_command_left_running_dies_with_it(sandbox: Sandbox, root: BuildRoot) -> None:
    mark = f"700.{os.getpid()}{time.monotonic_ns() % 10**9}"
    run(sandbox, root, f"setsid sleep {mark} > /dev/null 2>&1 & sleep 0.1")

    assert processes_with(mark) == []


def test_stopping_kills_at_once(sandbox: Sandbox, root: BuildRoot) -> None:
    mark = f"700.{os.getpid()}{time.monotonic_ns() % 10**9}"
    until = time.monotonic() + 0.5
    script = f"trap '' TERM INT; setsid sleep {mark} & sleep {mark}"
    ending = sandbox.run(
        root,
        Command(argv=["/usr/bin/bash", "-c", script], environment=PATH),
        on_output=lambda _: None,
        stop=lambda: "enough" if time.monotonic() > until else "",
    )

    assert ending.stopped == "enough"
    assert time.monotonic() < until + 1.5
    assert processes_with(mark) == []


def test_a_sandbox_that_cannot_begin_says_so(sandbox: Sandbox, root: BuildRoot) -> None:
    shutil.rmtree(root.scratch)

    with pytest.raises(SandboxFailed, match="overlay"):
        sandbox.run(root, Command(argv=["/bin/true"]), on_output=lambda _: None, stop=never)


_WORKER = """
import sys
from pathlib import Path
from avalanche.agent import buildroot
from avalanche.agent.sandbox import nspawn, bubblewrap
from avalanche.agent.sandbox.protocol import Command
name, group, place, mark = sys.argv[1:]
sandbox = (nspawn.Nspawn if name == "nspawn" else bubblewrap.Bubblewrap)(group=group)
root = buildroot.assemble(Path(place), base=Path("/"), dependencies=None, has_network=False)
script = f"trap '' TERM; setsid sleep {mark} & echo ready; sleep {mark}"
command = Command(argv=["/usr/bin/bash", "-c", script], environment={"PATH": "/usr/bin"})
sandbox.run(root, command, on_output=lambda chunk: print(chunk.decode(), flush=True))
"""


@pytest.mark.parametrize("name", ["nspawn", "bubblewrap"])
def test_a_worker_killed_with_sigkill_takes_its_build_along(name: str, group: str, tmp_path: Path) -> None:
    make_sandbox(name, group)
    mark = f"700.{os.getpid()}{time.monotonic_ns() % 10**9}"
    arguments = [sys.executable, "-c", _WORKER, name, group, str(tmp_path / "place"), mark]
    with subprocess.Popen(arguments, cwd=PROJECT, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        worker.send_signal(signal.SIGKILL)

    assert gone_within(mark, seconds=2)
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    Group.of(group).remove()
    assert groups_left(group) == []


_AS_USER = """
import sys
from pathlib import Path
from avalanche.agent import buildroot
from avalanche.agent.sandbox import probe
from avalanche.agent.sandbox.protocol import Command
place = Path(sys.argv[1])
layer = place / "layer"
(layer / "share").mkdir(parents=True)
(layer / "share" / "dependency").write_text("unpacked")
sandbox = probe.choose(wanted="auto", base=Path("/"), directory=place, group="serpent-as-user")
root = buildroot.assemble(place / "root", base=Path("/"), dependencies=layer, has_network=False)
script = "sleep 0.3; id -u; cat /usr/share/dependency; touch /mason/build/made; echo; "
script += "touch /usr/bin/x 2>&- || echo refused"
command = Command(argv=["/usr/bin/bash", "-c", script], environment={"PATH": "/usr/bin"})
print(sandbox.isolation, flush=True)
ending = sandbox.run(root, command, on_output=lambda chunk: print(chunk.decode(), end="", flush=True))
print(ending.status, (root.directory / "mason/build/made").exists(), ending.memory.peak > 0)
"""


def test_a_user_without_root_has_a_sandbox_too() -> None:
    make_sandbox("bubblewrap", "serpent-as-user")
    nobody = 65534
    with tempfile.TemporaryDirectory() as place:
        os.chown(place, nobody, nobody)
        # The system's interpreter, because that of the tests may lie where only root may go.
        paths = f"{PROJECT}:{sysconfig.get_path('platlib')}"
        done = subprocess.run(
            ["/usr/bin/python3", "-c", _AS_USER, place],
            cwd="/",
            env={"PATH": "/usr/bin:/usr/sbin", "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            user=nobody,
            group=nobody,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip(f"the system's interpreter cannot load what the tests' can: {done.stderr[-200:]}")
    if "Permission denied" in done.stderr or "not permitted" in done.stderr:
        pytest.skip(f"no user namespaces for users here, or the project is not readable: {done.stderr[-200:]}")

    assert done.stdout.splitlines() == ["bubblewrap-user", "0", "unpacked", "refused", "0 True True"], done.stderr


def test_the_strongest_sandbox_that_works_is_chosen(tmp_path: Path, group: str) -> None:
    make_sandbox("nspawn", group)

    chosen = probe.choose(wanted="auto", base=BASE, directory=tmp_path / "trial", group=group)

    assert chosen.isolation == "nspawn"
    assert list((tmp_path / "trial").iterdir()) == []


def test_a_base_image_that_is_none_is_no_base_for_a_sandbox(tmp_path: Path, group: str) -> None:
    with pytest.raises(probe.NoSandbox, match="has no /usr"):
        probe.choose(wanted="auto", base=tmp_path, directory=tmp_path / "trial", group=group)
