"""Recipes as small as they come: a package of plain data whose install phase has three lines."""

from pathlib import Path

_RECIPE = """\
name: {name}
version: "1.0"
release: 1
homepage: https://example.org/{name}
license: MPL-2.0
summary: Two small files
description: |
    Costs next to nothing to build, so that what is measured is the farm around it.
install: |
    mkdir -p %(installroot)/usr/share/{name}
    echo {name} > %(installroot)/usr/share/{name}/name
    date --utc --date="@$SOURCE_DATE_EPOCH" > %(installroot)/usr/share/{name}/date
"""


def write_tiny_recipes(directory: Path, names: list[str]) -> None:
    """Fills a directory with one recipe for each name."""
    for name in names:
        (directory / name).mkdir(parents=True)
        (directory / name / "stone.yaml").write_text(_RECIPE.format(name=name))
