"""A fault with one profile or one attempt: it is shown where it is, and holds up nothing else."""

from uuid import UUID

import pytest

from avalanche.interfaces import ArtefactSource
from summit import dispatch, planning, settling
from summit.models import BuildTask, Profile, Repository
from tests.factories.summit import AT, make_recipe
from tests.fakes.doors import FakeFleet, FakeRepository
from vessel.interfaces import ChannelMismatch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def test_a_profile_that_cannot_publish_where_it_says_shows_why(
    profile: Profile, repository: Repository, vessel: FakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_recipe(repository, "zlib")

    def refuse(**_: object) -> None:
        raise ChannelMismatch("the channel is for test builds")

    monkeypatch.setattr(vessel, "ensure_stream", refuse)
    assert planning.plan(profile, at=AT).created == 0
    profile.refresh_from_db()
    assert profile.plan_error == "main/volatile: the channel is for test builds"
    monkeypatch.undo()


def test_one_attempt_that_cannot_be_settled_holds_up_no_other(
    profile: Profile, repository: Repository, fleet: FakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_recipe(repository, "bad")
    make_recipe(repository, "good")
    fleet.add_slots(count=2)
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    for name in ("bad", "good"):
        fleet.end(fleet.order_for(name).attempt, at=AT)
    source_of = fleet.artefact_source
    spoilt = fleet.order_for("bad").attempt

    def spoil(*, attempt: UUID) -> ArtefactSource:
        if attempt == spoilt:
            raise RuntimeError("a fault")
        return source_of(attempt=attempt)

    monkeypatch.setattr(fleet, "artefact_source", spoil)
    assert settling.sweep(at=AT) == 1
    assert dict(BuildTask.objects.values_list("source_name", "status")) == {"bad": "building", "good": "publishing"}
