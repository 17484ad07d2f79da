"""`serpent manifest`: what sets two manifests apart, and whether a build made what its manifest promised."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from serpent_infra.cli.exits import Exit
from serpent_infra.cli.machine import regular
from serpent_infra.cli.output import console, ending, print_json, visible
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.manifest_difference import (
    Change,
    FieldChange,
    ManifestDifference,
    describe,
    difference,
)
from serpent_infra.formats.manifest_verify import verify as verify_manifests

JSON_VERSION = 1

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Work on binary build manifests.")


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="The one manifest.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The other.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    lenient: Annotated[bool, typer.Option("--lenient", help="Tolerate what the reference reader tolerates.")] = False,
) -> None:
    """Prints what B has that A has not, and the other way round; ends with 1 where they differ."""
    with ending():
        old, new = (decode_manifest(regular(path), strict=not lenient, path=str(path)) for path in (before, after))
        found = difference(old, new)
        if json:
            print_json({"version": JSON_VERSION, "before": str(before), "after": str(after), **_document(found)})
        else:
            _print(found)
    raise typer.Exit(Exit.FINDING if found else Exit.OK)


@app.command()
def verify(
    promised: Annotated[Path, typer.Argument(metavar="PROMISED", help="The manifest committed beside the recipe.")],
    made: Annotated[Path, typer.Argument(metavar="MADE", help="The manifest that a build has written.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Judges a build as `boulder build --verify` does; ends with 1 where it does not keep the promise."""
    with ending():
        found = verify_manifests(
            regular(promised).read_bytes(),
            regular(made).read_bytes(),
            promised_path=str(promised),
            made_path=str(made),
        )
        if json:
            verdict = {"is_accepted": found.is_accepted, "is_same_file": found.is_same_file}
            paths = {"promised": str(promised), "made": str(made)}
            print_json({"version": JSON_VERSION, **paths, **verdict, **_document(found.difference)})
        else:
            _print(found.difference)
            same = " (the same file)" if found.is_same_file else ""
            console().print(f"accepted{same}" if found.is_accepted else "refused")
    raise typer.Exit(Exit.OK if found.is_accepted else Exit.FINDING)


def _print(found: ManifestDifference) -> None:
    for line in describe(found):
        console().print(visible(line))


def _document(found: ManifestDifference) -> dict[str, object]:
    return {
        "added": list(found.added),
        "removed": list(found.removed),
        "recipe": _changes(found.recipe),
        "changed": [{"name": package.name, "changes": _changes(package.changes)} for package in found.changed],
    }


def _changes(changes: Iterable[Change]) -> list[dict[str, object]]:
    return [
        {"field": one.field, "before": one.before, "after": one.after}
        if isinstance(one, FieldChange)
        else {"field": one.field, "added": list(one.added), "removed": list(one.removed)}
        for one in changes
    ]
