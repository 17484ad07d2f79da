"""A fault with one profile or one attempt: it is shown where it is, and holds up nothing else."""

from uuid import UUID

import pytest

from avalanche.interfaces import ArtefactSource
from serpent_infra.wire.orders import BuildOrder
from summit import dispatch, planning, publishing, settling
from summit.models import BuildTask, Profile, Project, Repository
from summit.states import TaskStatus
from summit.tasks import plan
from tests.factories.summit import AT, make_profile, make_recipe
from tests.fakes.doors import FakeFleet, FakeRepository
from vessel import interfaces
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


def test_a_levels_profile_holds_the_recipes_that_name_the_level_and_orders_it(
    project: Project, repository: Repository, fleet: FakeFleet
) -> None:
    base = make_profile(project)
    level = make_profile(project, name="v3x", stream="volatile-v3x", isa_level="x86_64-v3x")
    make_recipe(repository, "ed")
    make_recipe(repository, "zlib", architectures=["native", "x86_64-v3x"])
    make_recipe(repository, "avx", architectures=["x86_64-v3x"])
    for profile in (base, level):
        planning.plan(profile, at=AT)
    assert set(base.tasks.values_list("source_name", flat=True)) == {"ed", "zlib"}
    assert set(level.tasks.values_list("source_name", flat=True)) == {"avx", "zlib"}
    fleet.add_slots(count=4, isa_levels=frozenset({"x86_64", "x86_64-v3x"}))
    assert dispatch.dispatch(at=AT) == 4
    assert sorted(order.isa_level for order in fleet.orders.values()) == ["", "", "x86_64-v3x", "x86_64-v3x"]


@pytest.mark.parametrize(
    ("facts", "remote", "error"),
    [
        ({"architecture": "x86-64"}, {}, "'x86-64' is no name for an architecture"),
        (
            {"isa_level": "x86_64-v9"},
            {},
            "'x86_64-v9' is no level of x86_64 that can be built for: x86_64-v3, x86_64-v3x",
        ),
        ({}, {"name": "my_core", "channel": "core"}, "its remote 'my_core' has a name that none can have"),
        ({}, {"name": "core", "channel": "core"}, "its remote core: there is no stream core/volatile"),
    ],
)
def test_a_profile_of_which_no_order_could_be_made_shows_why_and_takes_no_slot_from_others(
    project: Project,
    repository: Repository,
    fleet: FakeFleet,
    *,
    facts: dict[str, str],
    remote: dict[str, str],
    error: str,
) -> None:
    good, bad = make_profile(project), make_profile(project, name="bad", stream="bad", **facts)
    make_recipe(repository, "zlib")
    for profile in (good, bad):
        planning.plan(profile, at=AT)
    if remote:
        BuildTask.objects.filter(profile=bad).update(priority=1e6)  # ordered before the remote was named
        bad.remotes.create(stream="volatile", **remote)
        planning.plan(bad, at=AT)
    bad.refresh_from_db()
    assert bad.plan_error.startswith(error)
    fleet.add_slots()
    assert dispatch.dispatch(at=AT) == 1
    assert BuildTask.objects.get(status=TaskStatus.BUILDING).profile == good


def test_a_profile_goes_on_by_itself_once_the_stream_of_its_remote_is_there(
    project: Project, repository: Repository, vessel: FakeRepository
) -> None:
    profile = make_profile(project)
    profile.remotes.create(name="core", channel="core", stream="volatile")
    make_recipe(repository, "zlib")
    planning.plan(profile, at=AT)
    assert not BuildTask.objects.exists()
    vessel.ensure_stream(channel="core", stream="volatile", architectures=("x86_64",), official=True, at=AT)
    plan(profile=profile.pk)
    profile.refresh_from_db()
    assert profile.plan_error == ""
    assert BuildTask.objects.get().profile == profile


@pytest.mark.parametrize("facts", [{"stream": "x86_64-v3x"}, {"channel": "my_channel"}])
def test_a_name_that_vessel_refuses_is_said_beside_the_profile(
    project: Project, monkeypatch: pytest.MonkeyPatch, facts: dict[str, str]
) -> None:
    monkeypatch.setattr(publishing, "vessel", interfaces)
    profile = make_profile(project, **facts)
    planning.plan(profile, at=AT)
    assert "is no name for a channel or stream" in profile.plan_error


def test_a_build_that_cannot_be_offered_keeps_the_only_slot_from_nobody(
    profile: Profile, repository: Repository, fleet: FakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("zlib", "ed"):
        make_recipe(repository, name)
    planning.plan(profile, at=AT)
    BuildTask.objects.filter(source_name="zlib").update(priority=1e6)
    offer = fleet.offer

    def refuse(*, order: BuildOrder, **facts: object) -> None:
        if order.source_name == "zlib":
            raise ValueError("a fault nobody thought of")
        offer(order=order, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(fleet, "offer", refuse)
    fleet.add_slots()
    assert dispatch.dispatch(at=AT) == 1
    assert BuildTask.objects.get(status=TaskStatus.BUILDING).source_name == "ed"
    zlib = BuildTask.objects.get(source_name="zlib")
    assert (zlib.status, zlib.attempts.count(), zlib.not_before) == ("queued", 0, AT + dispatch.SET_ASIDE_FOR)
    assert zlib.events.latest("pk").sentence.startswith("could not be offered to a builder because of a fault")
    fleet.add_slots("b2")
    monkeypatch.setattr(fleet, "offer", offer)
    assert dispatch.dispatch(at=AT + dispatch.SET_ASIDE_FOR) == 1


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
