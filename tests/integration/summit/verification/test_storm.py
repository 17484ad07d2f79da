"""A farm that builds everything twice in a storm: what is published two owners built alike, and nothing is stuck."""

from pathlib import Path
from random import Random

import pytest

from avalanche.models import Attempt, Builder
from serpent_infra.wire.orders import BuildOrder
from summit.models import AttemptRef, BuildTask, Finding, Profile, Verification, VerificationPolicy
from summit.states import TaskStatus
from tests.factories.summit import make_user
from tests.integration.summit.storm.builders import Fleet
from tests.integration.summit.storm.installation import install
from tests.integration.summit.storm.world import World, provides

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 200
ODD = 0.05  # of the builds, in the storm, are not what others build


class Twins(Fleet):
    """Builders that build the same bits of the same order, nearly always."""

    def bits_of(self, order: BuildOrder) -> bytes:
        if self.weather.build and self.random.random() < ODD:
            return str(order.attempt).encode()
        return f"{order.source.commit} {order.title} {order.build_release}".encode()


class TwiceWorld(World):
    """A farm of three owners whose profile wants everything built twice."""

    def __init__(self, seed: int, directory: Path) -> None:
        super().__init__(seed, directory)
        self.fleet = Twins(Random(seed), self.clock, self.fate, directory=directory / "builders", provides=provides)  # noqa: S311 - weather, not secrets

    def found(self) -> None:
        super().found()
        Profile.objects.update(verification=VerificationPolicy.EVERY_BUILD)
        self.fleet.add("b3", 1)
        for name in ("b1", "b2"):
            Builder.objects.filter(name=name).update(owner=make_user(f"owner-of-{name}"))


def check_verified() -> None:
    """Holds in the end: whatever was published somebody else built as well, and nothing is kept any more."""
    owners = dict(Builder.objects.values_list("name", "owner"))
    same = Verification.objects.filter(finding=Finding.SAME).select_related("built", "second")
    by_attempt = {row.built_id: row for row in same}
    published = BuildTask.objects.filter(status=TaskStatus.COMPLETED)
    assert published.exists()
    for task in published:
        built = AttemptRef.objects.filter(task=task).exclude(import_reference="").latest("number")
        second = by_attempt[built.pk].second
        assert second is not None
        assert owners[second.builder] != owners[built.builder]
        files = [
            sorted(Attempt.objects.get(pk=row.attempt).artefacts.values_list("name", "sha256"))
            for row in (built, second)
        ]
        assert files[0] == files[1] != []
    assert not Verification.objects.open().exists()
    assert not Attempt.objects.filter(status="succeeded", released_at=None).exists(), "kept although nobody wants it"


@pytest.mark.parametrize("seed", range(2))
def test_a_farm_that_builds_twice_weathers_a_storm(seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weather(seed, monkeypatch, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 40))
def test_many_storms_over_farms_that_build_twice(seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weather(seed, monkeypatch, tmp_path)


def weather(seed: int, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    world = TwiceWorld(seed, directory)
    install(world, monkeypatch, directory)
    try:
        world.found()
        world.rage(STEPS)
        world.calm()
        world.check_rest()
        world.finish()
        world.check_end()
        check_verified()
    except Exception as error:
        error.add_note(f"seed {seed}, step {world.steps}, {world.fate.deaths} deaths")
        raise
    finally:
        monkeypatch.undo()
