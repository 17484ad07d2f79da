"""Two machines as in production: a hub on PostgreSQL and a broker of its own, a builder that joined by a code."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from serpent_infra.demo.collection import Collection
from serpent_infra.processes.valkey import valkey_process
from tests.e2e.running_farm import ROOT, RunningFarm, farm_environment, free_ports, running_farm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("farm")]

PASSWORD = "of-the-hub-alone"
DONE = {"base-libc", "greet", "greet-data", "libgreet"}


@contextmanager
def postgres() -> Iterator[str]:
    """Runs a PostgreSQL server for the length of a block and gives its URL."""
    command = [str(ROOT / ".ci" / "with-postgres"), "sh", "-c", 'echo "$SERPENT_DATABASE_URL"; cat']
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        url = server.stdout.readline().strip()
        if not url:
            pytest.skip("PostgreSQL is not installed")
        try:
            yield url
        finally:
            server.stdin.close()


@contextmanager
def valkey(directory: Path) -> Iterator[str]:
    """Runs a Valkey server for the length of a block and gives the hub's URL of it."""
    url = f"redis://:{PASSWORD}@127.0.0.1:{free_ports(1)[0]}/0"
    with subprocess.Popen(valkey_process(url=url, directory=directory).argv) as server:
        try:
            yield url
        finally:
            server.terminate()


def test_a_builder_that_joined_by_a_code_builds_for_the_hub(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "git")
    collection.create(ROOT / "examples" / "recipes")
    with postgres() as database, valkey(tmp_path / "valkey") as broker:
        hub = farm_environment(
            tmp_path / "hub", SERPENT_ROLE="hub", SERPENT_DATABASE_URL=database, SERPENT_BROKER_URL=broker
        )
        with running_farm(["up"], hub) as farm:
            farm.wait_until_up()
            code = farm.manage("create_builder", "oak", "--tier", "official").strip()
            machine = farm_environment(tmp_path / "oak", SERPENT_ROLE="builder", SERPENT_SLOTS="2")
            joining = RunningFarm(["enrol", farm.hub_url, code], machine)
            assert joining.wait(seconds=60) == 0, joining.transcript()
            with running_farm(["up"], machine) as builder:
                farm.manage("add_project", "distribution")
                farm.manage("add_repository", "distribution", str(collection.origin), "--slug", "recipes")
                farm.wait_until(lambda: completed(farm) == DONE, seconds=180, what="the end of all builds")
                assert "consistent" in farm.manage("vessel_check")
                check_measures(farm)
                assert PASSWORD not in builder.transcript()
            # The builder holds its own account on the broker, and nothing with which it could speak as the hub.
            assert not any(PASSWORD in path.read_text(errors="replace") for path in files_below(tmp_path / "oak"))
            # A code is worth one enrolment.
            again = RunningFarm(["enrol", farm.hub_url, code], machine)
            assert again.wait(seconds=60) != 0


def completed(farm: RunningFarm) -> set[str]:
    builds = requests.get(f"{farm.hub_url}/api/v1/builds/", timeout=10).json()["results"]
    assert {build["source_name"] for build in builds if build["status"] == "failed"} <= {"broken"}
    return {build["source_name"] for build in builds if build["status"] == "completed"}


def check_measures(farm: RunningFarm) -> None:
    """What the builder measured has come through to whoever asks about a build, and to its recipe."""
    builds = requests.get(f"{farm.hub_url}/api/v1/builds/?status=completed", timeout=10).json()["results"]
    for row in builds:
        build = requests.get(f"{farm.hub_url}/api/v1/builds/{row['id']}/", timeout=10).json()
        attempt = build["attempts"][0]
        assert attempt["memory_method"] in {"cgroup", "cgroup-v1", "processes"}
        assert 2**18 < attempt["memory_peak"] < 2**33
        assert 2**12 < attempt["disk_peak"] < 2**33
        [demand] = requests.get(f"{farm.hub_url}/api/v1/recipes/{row['recipe']}/", timeout=10).json()["demands"]
        assert demand["taken"] == {"memory": attempt["memory_peak"], "disk": attempt["disk_peak"]}
        assert demand["learnt"]["memory"] > attempt["memory_peak"]


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
