"""How commands speak: results on standard output, errors on standard error, JSON the same way everywhere."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from serpent_infra.cli.exits import Exit
from serpent_infra.formats.errors import FormatError


def console() -> Console:
    """Gives the console of results; text from files is printed as it is, never as markup."""
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=True)


def print_json(document: object) -> None:
    """Prints one JSON document, two spaces deep, in UTF-8; keys stand in the order given."""
    sys.stdout.buffer.write(json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    sys.stdout.flush()


def print_error(text: object) -> None:
    """Prints one line on standard error, control characters escaped."""
    print(f"serpent: {visible(str(text))}", file=sys.stderr)  # noqa: T201 (the command's voice)


def print_os_error(error: OSError, path: Path | None = None) -> FormatError:
    """Prints what the machine refused, and gives it in the form that JSON has errors in."""
    told = FormatError(error.strerror or str(error), path=str(error.filename or path or ""))
    print_error(told)
    return told


def visible(text: str) -> str:
    """Gives a text of a stranger such that no terminal obeys it: control characters are written as escapes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "replace").decode() for one in text)


def error_document(error: FormatError) -> dict[str, object]:
    """Gives an error as JSON has it: always these five keys, null where there is no such place."""
    return {
        "path": error.path,
        "offset": error.offset,
        "line": error.line,
        "column": error.column,
        "reason": error.reason,
    }


@contextmanager
def ending() -> Iterator[None]:
    """Ends the command where a `FormatError` or an `OSError` comes out of the block, its sentence on standard error."""
    try:
        yield
    except FormatError as error:
        print_error(error)
        raise typer.Exit(Exit.FINDING) from error
    except BrokenPipeError:
        # Whoever read our output has gone; what Python still holds of it must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(Exit.OK) from None
    except OSError as error:
        print_os_error(error)
        raise typer.Exit(Exit.MACHINE) from error
