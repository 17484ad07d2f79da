"""What reading the real recipes costs beyond libyaml's own work on the same bytes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from yaml._yaml import CParser

from serpent_infra.formats.recipe import Recipe, parse_recipe
from serpent_infra.formats.recipe.document import read_document
from serpent_infra.formats.script import HostFacts, plan_build
from tests.bench.tables import Sample, milliseconds, print_table

pytestmark = [pytest.mark.bench, pytest.mark.real_data]

T = TypeVar("T")
ROUNDS = 7
HOST = HostFacts(architecture="x86_64", jobs=2, source_date_epoch=0)


def bare_events(text: str) -> int:
    parser, count = CParser(text), 0
    while parser.get_event() is not None:
        count += 1
    parser.dispose()
    return count


def each(work: Callable[[T], object], items: list[T]) -> None:
    for item in items:
        work(item)


def test_parsing_all_recipes_against_bare_events(recipe_tree: Path) -> None:
    files = [path.read_bytes() for path in sorted(recipe_tree.rglob("stone.yaml"))]
    texts = [data.decode() for data in files]
    recipes: list[Recipe] = [parse_recipe(data) for data in files]
    # Each lets go of one result before the next, as a refresh does: else the collector's walks are what is measured.
    steps: dict[str, Callable[[], None]] = {
        "libyaml's bare events": lambda: each(bare_events, texts),
        "a tree of text, places and limits": lambda: each(read_document, files),
        "recipes, every field typed": lambda: each(parse_recipe, files),
        "build plans of the recipes": lambda: each(lambda recipe: plan_build(recipe, HOST), recipes),
    }
    # In turns, so that whatever else the machine does falls on all alike.
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - began)
    samples = [Sample(name, values) for name, values in seconds.items()]
    floor = samples[0].median
    print_table(
        "Reading the real recipes",
        how=f"{len(files):,} files of {sum(map(len, files)):,} bytes from memory; medians of {ROUNDS} rounds in turns.",
        header=["what", "median", "a file", "ratio to bare events"],
        rows=[
            [
                one.name,
                milliseconds(one.median),
                f"{one.median / len(files) * 1e6:,.0f} µs",
                f"{one.median / floor:.2f}",
            ]
            for one in samples
        ],
    )
    assert len(recipes) == 1737
