"""kill -9 at any step of a publication leaves clients the old version or the new one, and the sweep finishes it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_killed_publisher_leaves_old_or_new_and_the_sweep_finishes(tmp_path: Path, stride: int) -> None:
    runner = [sys.executable, "-W", "ignore", "-m", "tests.integration.vessel.crash_runner", str(tmp_path), str(stride)]
    ended = subprocess.run(runner, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("points=")
