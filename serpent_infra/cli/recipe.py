"""`serpent recipe check`: whether recipes can be read and their builds planned, and what is odd about them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from serpent_infra.cli.exits import Exit
from serpent_infra.cli.machine import regular
from serpent_infra.cli.output import console, ending, error_document, print_error, print_json, print_os_error, visible
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe import CONTROL_FILE
from serpent_infra.formats.recipe.document import MAX_BYTES
from serpent_infra.formats.recipe_check import ARCHITECTURE, FoundWarning, RecipeCheck, check_recipe

JSON_VERSION = 1
RECIPE_FILE = "stone.yaml"

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Work on recipes.")


@app.callback()
def _recipe() -> None:
    """Keeps `check` a subcommand of its own while it is the only one."""


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Recipes, or directories with recipes below.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print refusals alone, no warnings.")] = False,
    architecture: Annotated[
        str, typer.Option("--architecture", "-a", help="Expand scripts and resolve tuning as for this one.")
    ] = ARCHITECTURE,
) -> None:
    """Checks recipes; ends with 1 where one is refused. Warnings alone are no reason."""
    code = Exit.OK
    checks: list[RecipeCheck] = []
    with ending():
        for path in paths:
            try:
                found = [_check(one, architecture) for one in _recipes(path)]
            except OSError as error:
                code = Exit.MACHINE
                checks.append(RecipeCheck(path=str(path), errors=(print_os_error(error, path),)))
                continue
            if not found:
                missing = FormatError(f"there is no {RECIPE_FILE} below this directory", path=str(path))
                found = [RecipeCheck(path=str(path), errors=(missing,))]
            for one in found:
                code = max(code, Exit.FINDING if one.errors else Exit.OK)
                _say(one, warnings=not quiet and not json)
            checks += found
        if json:
            print_json({"version": JSON_VERSION, "recipes": [_document(one) for one in checks]})
        elif not quiet:
            console().print(_summary(checks))
    raise typer.Exit(code)


def _recipes(path: Path) -> Iterator[Path]:
    """Gives a recipe itself, or all below a directory in the order of their paths; no link is entered."""
    if not path.is_dir():
        yield path
        return

    def refuse(error: OSError) -> None:
        raise error

    for directory, inner, names in os.walk(path, onerror=refuse):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if RECIPE_FILE in names:
            yield Path(directory) / RECIPE_FILE


def _check(path: Path, architecture: str) -> RecipeCheck:
    control = path.with_name(CONTROL_FILE)
    return check_recipe(
        _read(path),
        _read(control) if os.path.lexists(control) else None,
        path=str(path),
        control_path=str(control),
        architecture=architecture,
    )


def _read(path: Path) -> bytes:
    """Reads a file, one byte more than is allowed where it is larger: the parser then refuses it."""
    with regular(path).open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _say(found: RecipeCheck, *, warnings: bool) -> None:
    for error in found.errors:
        print_error(error)
    if warnings:
        for one in found.warnings:
            place = f"{one.path}:{one.warning.line}:{one.warning.column}"
            console().print(visible(f"{place}: warning: {one.warning.text}"))


def _summary(checks: list[RecipeCheck]) -> str:
    refused = sum(bool(one.errors) for one in checks)
    warnings = sum(len(one.warnings) for one in checks)
    return f"checked: {len(checks):,}, refused: {refused:,}, warnings: {warnings:,}"


def _document(found: RecipeCheck) -> dict[str, object]:
    recipe = found.recipe
    return {
        "path": found.path,
        "name": recipe.name if recipe else None,
        "version": recipe.version if recipe else None,
        "release": recipe.release if recipe else None,
        "errors": [error_document(error) for error in found.errors],
        "warnings": [_warning_document(one) for one in found.warnings],
    }


def _warning_document(found: FoundWarning) -> dict[str, object]:
    return {
        "path": found.path,
        "line": found.warning.line,
        "column": found.warning.column,
        "kind": found.warning.kind.value,
        "text": found.warning.text,
    }
