"""`serpent extract`: unpacks a package below a directory, and nowhere else."""

from pathlib import Path
from typing import Annotated

import typer

from serpent_infra.cli.machine import free_bytes, regular
from serpent_infra.cli.output import console, ending, visible
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.extract import extract as extract_stone
from serpent_infra.formats.stone.limits import Limits


def extract(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A package.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What stands for /; made where missing.")],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Replace files that are there already.")] = False,
    lenient: Annotated[bool, typer.Option("--lenient", help="Tolerate what the reference reader tolerates.")] = False,
) -> None:
    """Unpacks a package as DIR/usr/…, every digest verified; ends with 1 where the package is refused.

    Owners, set-id and sticky bits are not set.
    """
    with ending():
        regular(path)
        directory.mkdir(parents=True, exist_ok=True)
        usr = directory / "usr"
        if usr.is_symlink():
            raise FormatError(f"{usr} is a symlink, which is not followed", path=str(path))
        limits = Limits(content=free_bytes(directory))
        package = extract_stone(path, usr, replace=replace, strict=not lenient, limits=limits)
        console().print(visible(f"{package.meta.package_id}: {len(package.layout):,} paths in {usr}"))
