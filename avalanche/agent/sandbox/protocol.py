"""What every sandbox promises: run one command in a build root, pass on its output, say truthfully how it ended."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from avalanche.agent.sandbox.memory import MemoryUse

CHANNEL = "/run/avalanche"


class SandboxFailed(Exception):
    """The sandbox itself could not run the command: an infrastructure failure, never the packager's."""


@dataclass(frozen=True, kw_only=True)
class BuildRoot:
    """What a command sees as its root: a skeleton directory with an overlay over `/usr`.

    `lower` holds the layers of `/usr`, uppermost first. `upper` takes what is written there, with `scratch` for the
    kernel on the same file system; a sandbox without the right to write there leaves `/usr` read-only. `channel` is a
    directory outside the root that a running command sees as `/run/avalanche`: what is in the root belongs to the
    build, and the host follows no path that a build could have bent.
    """

    directory: Path
    lower: tuple[Path, ...]
    upper: Path
    scratch: Path
    channel: Path


@dataclass(frozen=True, kw_only=True)
class Bind:
    """A path of the host shown in the root at `target`, an absolute path there."""

    source: Path
    target: str
    is_writable: bool = False


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is run: its environment is exactly `environment`, its directory is a path inside the root.

    `files` are shown below `/run/avalanche` by their names.
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    has_network: bool = False
    binds: tuple[Bind, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a command ended: its exit status (128 + n after signal n), or the reason why it was stopped.

    `memory` is what it took, None where it was not measured.
    """

    status: int
    stopped: str = ""
    memory: MemoryUse | None = field(default=None, compare=False)

    @property
    def is_success(self) -> bool:
        """Says whether the command ran to its end and was content."""
        return not self.stopped and self.status == 0

    @property
    def lacked_memory(self) -> bool:
        """Says whether the command failed and the kernel had killed part of it for want of memory."""
        return not self.is_success and self.memory is not None and self.memory.kills > 0


# Gives the reason to stop, "" to go on; asked several times a second.
Stop = Callable[[], str]
Output = Callable[[bytes], None]


def never() -> str:
    """Never stops a command."""
    return ""


class Sandbox(Protocol):
    """One way to isolate a build."""

    @property
    def isolation(self) -> str:
        """The name and level reached, as builders report it."""

    def run(self, root: BuildRoot, command: Command, *, on_output: Output, stop: Stop = never) -> Ending:
        """Runs `command` in `root` to its end, output and errors passed on in the order written.

        Nothing survives the return: no process, no mount. Must be called from the main thread, because the kernel's
        parent-death signal watches the thread that started the child. Raises `SandboxFailed`.
        """
