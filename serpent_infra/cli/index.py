"""`serpent index`: makes the index of a directory of stones, as `moss index` does."""

from pathlib import Path
from typing import Annotated

import typer

from serpent_infra.cli.output import console, ending, visible
from serpent_infra.formats.index import FILE_NAME
from serpent_infra.formats.index_directory import write_directory_index


def index(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the stones are, at any depth.")],
    output: Annotated[
        Path | None,
        typer.Option("--output-dir", "-o", metavar="OUT", help="The directory of stone.index; default DIR."),
    ] = None,
    *,
    lenient: Annotated[bool, typer.Option("--lenient", help="Tolerate what the reference reader tolerates.")] = False,
) -> None:
    """Writes OUT/stone.index of all stones below DIR, the highest release of each name."""
    with ending():
        packages = write_directory_index(directory, output, strict=not lenient)
        console().print(visible(f"{len(packages):,} packages in {(output or directory) / FILE_NAME}"))
