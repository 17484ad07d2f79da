"""systemd-nspawn: the real one, for root.

It does not register, since the machine's init need not be systemd. It prints into pipes: those keep the output exact,
and are some eight times as fast as a terminal (0.19 s against 1.59 s for 100 MB).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from avalanche.agent.sandbox import launch
from avalanche.agent.sandbox.cgroups import Group
from avalanche.agent.sandbox.protocol import Bind, BuildRoot, Command, Ending, Output, Stop, never

# /tmp stays on disk: as a tmpfs it would count against memory and end big builds.
_ENVIRONMENT = {"SYSTEMD_NSPAWN_TMPFS_TMP": "0", "SYSTEMD_LOG_LEVEL": "warning"}


@dataclass(frozen=True, kw_only=True)
class Nspawn:
    """Runs commands in nspawn containers of one slot; `group` names the slot's control group."""

    group: str
    memory_limit: int = 0
    cpus: tuple[int, ...] = ()

    @property
    def isolation(self) -> str:
        """Nspawn as root: namespaces for processes, mounts, network, IPC and host name."""
        return "nspawn"

    def run(self, root: BuildRoot, command: Command, *, on_output: Output, stop: Stop = never) -> Ending:
        """Runs one command, see `Sandbox.run`."""
        group = Group.make(self.group, memory_limit=self.memory_limit, cpus=self.cpus)
        inner = [
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--as-pid2",
            "--console=pipe",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            f"--machine=build-{uuid4().hex[:12]}",
            "--hostname=build",
            *([] if command.has_network else ["--private-network"]),
            *_binds(launch.open_channel(root, command)),
            f"--directory={root.directory}",
            *launch.payload(command),
        ]
        # Killed, nspawn leaves its payload alive; terminated, it takes all of it along within milliseconds.
        argv = launch.outer(inner, root, group, cpus=self.cpus, hides_run=True, death_signal="TERM")
        try:
            return launch.supervise(argv, root, group, environment=_ENVIRONMENT, on_output=on_output, stop=stop)
        finally:
            group.remove()


def _binds(binds: tuple[Bind, ...]) -> Iterator[str]:
    for bind in binds:
        source, target = (str(path).replace("\\", "\\\\").replace(":", "\\:") for path in (bind.source, bind.target))
        yield f"--bind{'' if bind.is_writable else '-ro'}={source}:{target}"
