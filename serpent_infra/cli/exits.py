"""What the command's exit codes mean; `docs/reference/serpent-command.md` promises them."""

from enum import IntEnum


class Exit(IntEnum):
    """How a run ended."""

    OK = 0
    FINDING = 1
    """The command did its work and found something wrong: a refused file, a failed check, a difference."""
    USAGE = 2
    """The command line is wrong. Typer ends with this itself."""
    MACHINE = 3
    """The machine is at fault: a path cannot be read or written."""
