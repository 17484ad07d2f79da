"""Runs a measuring module in a process and a database of its own: nothing of the test's own lies in its way."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.running_farm import ROOT, farm_environment

PATIENCE = 600  # seconds


def answer_of(module: str, *arguments: object, state: Path) -> dict[str, Any]:
    """Gives the JSON of the last line that `python -m tests.bench.<module>` prints; fails with what it complains of."""
    given = {"SERPENT_DATABASE_URL": url} if (url := os.environ.get("SERPENT_DATABASE_URL")) else {}
    outcome = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)],
        env=farm_environment(state, SERPENT_BROKER_URL="memory://", **given),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    answer: dict[str, Any] = json.loads(outcome.stdout.splitlines()[-1])
    return answer
