"""How long the 1,737 real recipes take from a directory to an ordered queue."""

from pathlib import Path

import pytest

from tests.bench.apart import answer_of
from tests.bench.tables import in_seconds, print_table

pytestmark = [pytest.mark.bench, pytest.mark.real_data]


def test_intake_of_the_real_recipes(recipe_tree: Path, tmp_path: Path) -> None:
    answer = answer_of("intake", recipe_tree, state=tmp_path / "state")
    facts = answer["facts"]
    print_table(
        "Intake of the real recipes",
        how=f"{facts['read']:,} recipes read, {facts['broken']} broken, {facts['planned']:,} builds planned "
        f"({facts['blocked']:,} blocked), {facts['edges']:,} edges; once each, one process, {facts['database']}.",
        header=["step", "seconds"],
        rows=[[name, in_seconds(seconds)] for name, seconds in answer["seconds"].items()],
    )
