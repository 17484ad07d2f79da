"""A whole farm that is killed at once, supervisor first, goes on where it was."""

import os
import signal
import time
from pathlib import Path

import pytest
import requests

from serpent_infra.demo.collection import Collection
from tests.e2e.running_farm import ROOT, RunningFarm, farm_environment, running_farm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("farm")]

EXPECTED = {
    "base-libc": "completed",
    "broken": "failed",
    "greet": "completed",
    "greet-data": "completed",
    "libgreet": "completed",
    "ouroboros-head": "blocked",
    "ouroboros-tail": "blocked",
}


def test_a_farm_that_loses_its_supervisor_ends_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "git")
    collection.create(ROOT / "examples" / "recipes")
    environment = farm_environment(tmp_path / "state")
    with running_farm(["up"], environment) as farm:
        farm.wait_until_up()
        farm.manage("add_project", "restart")
        farm.manage("add_repository", "restart", str(collection.origin), "--slug", "recipes")
        farm.wait_until(lambda: "building" in statuses(farm).values(), seconds=60, what="a running build")
        os.kill(farm.process.pid, signal.SIGKILL)
        farm.process.wait()
        deadline = time.monotonic() + 20
        while farm.leftovers() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert farm.leftovers() == []
    with running_farm(["up"], environment) as farm:
        farm.wait_until_up()
        farm.wait_until(lambda: statuses(farm) == EXPECTED, seconds=180, what="the end of all builds")
        assert "consistent" in farm.manage("vessel_check")


def statuses(farm: RunningFarm) -> dict[str, str]:
    results = requests.get(f"{farm.hub_url}/api/v1/builds/", timeout=10).json()["results"]
    return {build["source_name"]: build["status"] for build in results}
