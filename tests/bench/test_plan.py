"""How long a whole tree takes from stored recipes to an ordered queue, and a forecast of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.tables import in_seconds, print_table
from tests.e2e.running_farm import ROOT, farm_environment

pytestmark = [pytest.mark.bench, pytest.mark.real_data]

SIZES = (1_737, 17_370)


def test_planning_a_whole_tree_from_stored_rows(recipe_tree: Path, tmp_path: Path) -> None:
    given = {"SERPENT_DATABASE_URL": url} if (url := os.environ.get("SERPENT_DATABASE_URL")) else {}
    rows, database = [], ""
    for size in SIZES:
        environment = farm_environment(tmp_path / f"state-{size}", SERPENT_BROKER_URL="memory://", **given)
        outcome = subprocess.run(
            [sys.executable, "-m", "tests.bench.planning", str(recipe_tree), str(size)],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert outcome.returncode == 0, outcome.stderr
        answer = json.loads(outcome.stdout.splitlines()[-1])
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
