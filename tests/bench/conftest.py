"""A farm with a project, and a farmhand in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from serpent_infra.demo.collection import Collection
from tests.bench.farmhand import Farmhand
from tests.bench.tiny import write_tiny_recipes
from tests.e2e.running_farm import RunningFarm, farm_environment, running_farm

PROJECT, REPOSITORY = "bench", "recipes"


@dataclass(frozen=True)
class Bench:
    """What a measurement works with."""

    farm: RunningFarm
    collection: Collection
    farmhand: Farmhand

    def ring(self) -> None:
        """Says that something was pushed."""
        self.farmhand.ring(PROJECT, REPOSITORY)

    def wait_until_idle(self, *, seconds: float) -> None:
        """Waits until no build is open."""
        self.farm.wait_until(lambda: self.farmhand.open_builds() == 0, seconds=seconds, what="the end of all builds")

    def push_tiny(self, names: list[str]) -> None:
        """Pushes recipes with these names."""
        write_tiny_recipes(self.collection._copy, names)
        self.collection.push("Add tiny recipes")


@contextmanager
def open_bench(place: Path, **settings: str) -> Iterator[Bench]:
    """Runs a farm with a project whose one recipe, `tiny`, is published."""
    write_tiny_recipes(place / "recipes", ["tiny"])
    collection = Collection(place / "git")
    collection.create(place / "recipes")
    # The sweeps keep their usual pace: what is measured must not live by them.
    environment = farm_environment(place / "state", SERPENT_SWEEP_SECONDS="5", **settings)
    with running_farm(["up"], environment) as farm:
        farm.wait_until(lambda: _has_builder(farm), seconds=120, what="a hub with a builder")
        farm.manage("add_project", PROJECT)
        farm.manage("add_repository", PROJECT, str(collection.origin), "--slug", REPOSITORY)
        farmhand = Farmhand(environment)
        try:
            measured = Bench(farm=farm, collection=collection, farmhand=farmhand)
            farm.wait_until(lambda: farmhand.ended_builds() == 1, seconds=90, what="the first build")
            measured.wait_until_idle(seconds=60)
            yield measured
        finally:
            farmhand.stop()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A farm for a module's measurements; none is left running beside those of others."""
    with open_bench(tmp_path_factory.mktemp("bench")) as opened:
        yield opened


def _has_builder(farm: RunningFarm) -> bool:
    try:
        answer = requests.get(f"{farm.hub_url}/api/v1/builders/", timeout=2).json()
    except (requests.RequestException, ValueError):
        return False
    return any(builder["is_online"] and builder["latest_sample"] for builder in answer["results"])
