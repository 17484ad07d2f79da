"""How long a whole tree takes from stored recipes to an ordered queue, and a forecast of it."""

from pathlib import Path

import pytest

from tests.bench.apart import answer_of
from tests.bench.tables import in_seconds, print_table

pytestmark = [pytest.mark.bench, pytest.mark.real_data]

SIZES = (1_737, 17_370)


def test_planning_a_whole_tree_from_stored_rows(recipe_tree: Path, tmp_path: Path) -> None:
    rows, database = [], ""
    for size in SIZES:
        answer = answer_of("planning", recipe_tree, size, state=tmp_path / f"state-{size}")
        facts = answer["facts"]
        database = facts["database"]
        assert facts["planned"] == size
        what = {"forecast from stored rows": f", {facts['foreseen']:,} of {facts['waiting']:,} foreseen"}
        rows += [
            [f"{size:,} recipes: {name}{what.get(name, '')}", in_seconds(seconds)]
            for name, seconds in answer["seconds"].items()
            if name != "fill"
        ]
    print_table(
        "A whole tree from stored rows",
        how="The real recipes with all they provide and need, and copies with names of their own; nothing published; "
        f"8 slots; once each, one process, {database}.",
        header=["step", "seconds"],
        rows=rows,
    )
