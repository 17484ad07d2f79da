"""The main job: `manage.py demo --once`, undisturbed and with every kind of process killed once on the way."""

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.running_farm import RunningFarm, farm_environment, running_farm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("farm")]

UNDISTURBED_SECONDS = 240
DISTURBED_SECONDS = 400
PROCESSES = ["valkey", "web", "live", "hub", "publish", "beat", "agent", "builder-web", "slot-0"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return farm_environment(tmp_path / "state")


def test_the_demo_proves_itself_and_leaves_nothing(environment: dict[str, str]) -> None:
    with running_farm(["demo", "--once"], environment) as farm:
        assert farm.wait(seconds=UNDISTURBED_SECONDS) == 0, farm.transcript()
        assert "proved" in farm.transcript()
        assert "Traceback" not in farm.transcript()


@pytest.mark.parametrize("name", PROCESSES)
def test_killing_any_one_process_delays_and_loses_nothing(name: str, environment: dict[str, str]) -> None:
    with running_farm(["demo", "--once"], environment) as farm:
        farm.wait_until(lambda: builds_run(farm), seconds=120, what="a running build")
        pid = farm.latest_pid(name)
        assert pid is not None, farm.transcript()
        os.kill(pid, signal.SIGKILL)
        assert farm.wait(seconds=DISTURBED_SECONDS) == 0, farm.transcript()
        assert farm.latest_pid(name) != pid, farm.transcript()


def builds_run(farm: RunningFarm) -> bool:
    """Says whether the demo has reported a build in progress."""
    return any("building" in line for line in farm.lines)
