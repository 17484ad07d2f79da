"""How long the 1,737 real recipes take from a directory to an ordered queue."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.tables import in_seconds, print_table
from tests.e2e.running_farm import ROOT, farm_environment

pytestmark = [pytest.mark.bench, pytest.mark.real_data]


def test_intake_of_the_real_recipes(recipe_tree: Path, tmp_path: Path) -> None:
    environment = farm_environment(tmp_path / "state", SERPENT_BROKER_URL="memory://")
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.bench.intake", str(recipe_tree)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    answer = json.loads(outcome.stdout.splitlines()[-1])
    facts = answer["facts"]
    print_table(
        "Intake of the real recipes",
        how=f"{facts['read']:,} recipes read, {facts['broken']} broken, {facts['planned']:,} builds planned "
        f"({facts['blocked']:,} blocked), {facts['edges']:,} edges; once each, one process, SQLite.",
        header=["step", "seconds"],
        rows=[[name, in_seconds(seconds)] for name, seconds in answer["seconds"].items()],
    )
