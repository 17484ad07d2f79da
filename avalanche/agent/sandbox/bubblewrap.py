"""bubblewrap: the same namespaces where nspawn cannot run, and all there is for a user without root."""

import os
from dataclasses import dataclass

from avalanche.agent.sandbox import launch
from avalanche.agent.sandbox.cgroups import Group
from avalanche.agent.sandbox.protocol import BuildRoot, Command, Ending, Output, Stop, never

# What an installation needs in order to set owners and modes; nothing that reaches beyond the root.
_CAPABILITIES = ("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP")


@dataclass(frozen=True, kw_only=True)
class Bubblewrap:
    """Runs commands under bwrap; as a user the root is assembled in a user namespace, with `/usr` read-only."""

    group: str
    memory_limit: int = 0
    cpus: tuple[int, ...] = ()
    as_user: bool = os.geteuid() != 0

    @property
    def isolation(self) -> str:
        """bubblewrap, with the level: as a user nothing in the root can gain rights on the host."""
        return "bubblewrap-user" if self.as_user else "bubblewrap"

    def run(self, root: BuildRoot, command: Command, *, on_output: Output, stop: Stop = never) -> Ending:
        """Runs one command, see `Sandbox.run`."""
        group = Group.make(self.group, memory_limit=self.memory_limit, cpus=self.cpus)
        inner = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
        if not command.has_network:
            inner.append("--unshare-net")
        inner += ["--hostname", "build"]
        for capability in _CAPABILITIES:
            inner += ["--cap-add", capability]
        inner += ["--bind", str(root.directory), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run"]
        for bind in launch.open_channel(root, command):
            inner += ["--bind" if bind.is_writable else "--ro-bind", str(bind.source), bind.target]
        inner += launch.payload(command)
        argv = launch.outer(inner, root, group, cpus=self.cpus, as_user=self.as_user)
        try:
            return launch.supervise(argv, root, group, environment={}, on_output=on_output, stop=stop)
        finally:
            group.remove()
