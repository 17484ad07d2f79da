"""The outside programs that packaging needs, as one callable, so that they can run inside a build's sandbox."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a program ended; both outputs as text."""

    status: int
    output: str
    errors: str = ""


Run = Callable[[Sequence[str]], ToolResult]
Say = Callable[[str], None]


def run_here(arguments: Sequence[str]) -> ToolResult:
    """Runs a program on this host, outside any sandbox; status 127 where it is absent."""
    try:
        done = subprocess.run(
            list(arguments), capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        return ToolResult(127, "", str(error))
    return ToolResult(done.returncode, done.stdout, done.stderr)


def say_nothing(_line: str) -> None:
    """Drops a line meant for the build log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """How to run programs, and how they see the install tree.

    Attributes:
        run: runs one program to its end.
        say: takes a line for the build log.
        install_root: the install tree's path as those programs see it (`/mason/install`); None where they see the
            same path as this process.
        build_root: the build root as this process sees it, for libraries and `.pc` files outside the install tree.
        prefix: `llvm-` for LLVM's objcopy and strip.
    """

    run: Run = run_here
    say: Say = say_nothing
    install_root: str | None = None
    build_root: Path | None = None
    prefix: str = ""
