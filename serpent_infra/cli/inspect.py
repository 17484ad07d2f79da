"""`serpent inspect`: what stones, indexes and manifests say, and whether all their checksums are right."""

from pathlib import Path
from typing import Annotated

import typer

from serpent_infra.cli.exits import Exit
from serpent_infra.cli.inspection import Inspection, inspect_file, inspection_document
from serpent_infra.cli.inspection_text import print_inspection
from serpent_infra.cli.output import ending, error_document, print_error, print_json, print_os_error
from serpent_infra.formats.errors import FormatError

JSON_VERSION = 1


def inspect(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Stones, indexes or binary manifests.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Verify every checksum and digest, content included.")] = False,
    lenient: Annotated[bool, typer.Option("--lenient", help="Tolerate what the reference reader tolerates.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors alone.")] = False,
) -> None:
    """Prints what packages, indexes and manifests say; ends with 1 where one is refused."""
    code = Exit.OK
    documents: list[dict[str, object]] = []
    with ending():
        for path in paths:
            try:
                found: Inspection | None = inspect_file(path, strict=not lenient, check=check)
            except FormatError as error:
                found = None
                code = max(code, Exit.FINDING)
                print_error(error)
                documents.append({"path": str(path), "error": error_document(error)})
            except OSError as error:
                found = None
                code = Exit.MACHINE
                documents.append({"path": str(path), "error": error_document(print_os_error(error, path))})
            if found is not None and json:
                documents.append(inspection_document(found))
            elif found is not None and not quiet:
                print_inspection(found)
        if json:
            print_json({"version": JSON_VERSION, "files": documents})
    raise typer.Exit(code)
