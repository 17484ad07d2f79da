"""Builds made twice: by whom, what comes of equal and of different results, and that none waits for ever."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from serpent_infra.accounts.models import User
from serpent_infra.wire.orders import BuildOrder
from serpent_infra.wire.reports import FailureKind
from summit import dispatch, lifecycle, planning, retrying, second_builds, settling, verification
from summit.models import AttemptRef, BuildTask, Finding, Profile, Repository, Verification, VerificationPolicy
from summit.scheduler import Share
from summit.states import TaskStatus
from tests.factories.summit import AT, make_recipe, make_task, make_user, release_again
from tests.fakes.doors import FakeFleet, FakeRepository

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


@pytest.fixture
def owners() -> tuple[User, User]:
    return make_user("ada"), make_user("bea")


@pytest.fixture
def verifying(profile: Profile, repository: Repository, vessel: FakeRepository) -> Profile:
    """A profile that wants everything built twice, and zlib to build."""
    assert not vessel.imports
    profile.verification = VerificationPolicy.EVERY_BUILD
    profile.save()
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    planning.plan(profile, at=AT)
    return profile


def task_of(name: str = "zlib") -> BuildTask:
    return BuildTask.objects.filter(source_name=name).latest("pk")


def newest(fleet: FakeFleet) -> BuildOrder:
    return fleet.order_for("zlib")


def report(fleet: FakeFleet, status: str = "succeeded", *, at: datetime = AT, **facts: object) -> AttemptRef:
    """Ends the newest attempt, settles it, and gives its row."""
    order = newest(fleet)
    fleet.end(order.attempt, status, at=at, **facts)  # type: ignore[arg-type]
    settling.settle_attempt(order.attempt, at=at)
    return AttemptRef.objects.get(attempt=order.attempt)


def build_first(fleet: FakeFleet, *, artefacts: Iterable[str] = ("package.stone",)) -> AttemptRef:
    assert dispatch.dispatch(at=AT) == 1
    first = report(fleet, artefacts=artefacts)
    assert task_of().status == TaskStatus.VERIFYING
    return first


def builders(fleet: FakeFleet, owners: tuple[User, User]) -> None:
    for name, owner in zip(("b1", "b2"), owners, strict=True):
        fleet.add_slots(name, owner=owner.pk)


def test_what_two_owners_build_alike_is_published_from_the_first(
    verifying: Profile, fleet: FakeFleet, vessel: FakeRepository, owners: tuple[User, User]
) -> None:
    fleet.add_slots("b1", owner=owners[0].pk)
    first = build_first(fleet)
    assert dispatch.dispatch(at=AT) == 0, "b1 is free, and the only one"
    assert not vessel.imports
    fleet.add_slots("b2", owner=owners[1].pk)
    vessel.publish("glibc")  # what is published meanwhile is no part of the order
    assert dispatch.dispatch(at=AT) == 1

    one, other = fleet.orders.values()
    assert fleet.places[other.attempt] == ("b2", 0)
    assert msgspec.structs.replace(other, attempt=one.attempt) == one
    second = report(fleet)
    task = task_of()
    assert task.status == TaskStatus.PUBLISHING
    [reference] = vessel.imports
    assert vessel.imports[reference].audience == "b1"
    assert (first.attempt in fleet.released, second.attempt in fleet.released) == (False, True)
    assert (first.is_second, second.is_second, second.number) == (False, True, 2)
    settling.sweep(at=AT)
    assert task_of().status == TaskStatus.PUBLISHING, "the second attempt has no import, and that is no fault"
    vessel.take_in(reference, at=AT)
    settling.settle_import(reference, at=AT)
    assert fleet.released == set(fleet.orders)
    events = [(event.target, event.sentence) for event in task.events.order_by("pk")]
    assert events == [
        ("queued", events[0][1]),
        ("building", "offered to b1, slot 0"),
        ("verifying", "built on b1, to be built a second time by a builder of another owner"),
        ("verifying", "offered to b2, slot 0, to be built a second time"),
        ("publishing", "b2 of bea built the same, bit for bit; ordered to be published"),
        ("completed", "published in version v2"),
    ]
    found = Verification.objects.get()
    assert (found.finding, found.first_place, found.second_place) == (Finding.SAME, "b1 of ada", "b2 of bea")
    assert verifying.verifies_builds


def test_the_first_builder_goes_on_at_once_and_never_builds_its_own_a_second_time(
    verifying: Profile, repository: Repository, fleet: FakeFleet, owners: tuple[User, User]
) -> None:
    make_recipe(repository, "curl")
    planning.plan(verifying, at=AT)
    fleet.add_slots("b1", owner=owners[0].pk)
    fleet.add_slots("b3", owner=owners[0].pk, count=3)
    assert dispatch.dispatch(at=AT) == 2
    report(fleet)
    fleet.end(fleet.order_for("curl").attempt, at=AT)
    settling.settle_attempt(fleet.order_for("curl").attempt, at=AT)
    assert set(BuildTask.objects.values_list("status", flat=True)) == {TaskStatus.VERIFYING}
    assert dispatch.dispatch(at=AT) == 0, "b3 is another builder of the same owner"
    make_recipe(repository, "jq")
    planning.plan(verifying, at=AT)
    assert dispatch.dispatch(at=AT) == 1
    fleet.add_slots("b2", owner=owners[1].pk, count=2)
    assert dispatch.dispatch(at=AT) == 2
    assert {fleet.places[key][0] for key in list(fleet.orders)[-2:]} == {"b2"}


@pytest.mark.parametrize("owner", [0, 7])
def test_the_database_too_keeps_an_owner_from_confirming_what_they_built(
    profile: Profile, repository: Repository, owner: int
) -> None:
    task = make_task(make_recipe(repository, "zlib"), profile, TaskStatus.VERIFYING)
    built = AttemptRef.make(task=task, attempt=uuid4(), builder="b1", slot=0, at=AT)
    found = Verification.begin(built=built, owner=owner, at=AT, patience=timedelta(hours=1))
    with pytest.raises(IntegrityError, match="second_build_by_another"), transaction.atomic():
        found.give(owner=owner)
    found.refresh_from_db()
    found.give(owner=owner + 1)


def test_a_difference_fails_and_names_the_files(
    verifying: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository, owners: tuple[User, User]
) -> None:
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    planning.plan(verifying, at=AT)
    builders(fleet, owners)
    build_first(fleet, artefacts=("a.stone", "manifest.x86_64.bin", "gone.stone"))
    dispatch.dispatch(at=AT)
    report(fleet, artefacts=("a.stone", "manifest.x86_64.bin", "new.stone"), sha256="1" * 64)
    task = task_of()
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, verification.NOT_REPRODUCIBLE)
    assert task.problem == (
        "b2 of bea did not build the same as b1 of ada: a.stone, manifest.x86_64.bin differ; gone.stone is missing; "
        "new.stone was added"
    )
    assert not vessel.imports
    assert fleet.released == set(fleet.orders)
    assert task_of("libpng").status == TaskStatus.BLOCKED
    assert [row.number for row in task.attempts.order_by("number")] == [1, 2]

    lifecycle.retry(task, actor=owners[0], at=AT)
    dispatch.dispatch(at=AT)
    report(fleet)
    assert task_of().status == TaskStatus.VERIFYING, "a retry is built twice as well"


@pytest.mark.usefixtures("verifying")
def test_a_second_build_that_fails_by_the_packagers_fault_is_a_difference(
    fleet: FakeFleet, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    build_first(fleet)
    dispatch.dispatch(at=AT)
    report(fleet, "failed", kind=FailureKind.PHASE, message="build ended with status 2")
    task = task_of()
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, verification.NOT_REPRODUCIBLE)
    assert task.problem == "b1 of ada built it, and b2 of bea could not: build ended with status 2 (phase)"


@pytest.mark.usefixtures("verifying")
def test_a_machine_that_lets_a_second_build_down_is_followed_by_another_a_bounded_number_of_times(
    fleet: FakeFleet, vessel: FakeRepository, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    first = build_first(fleet)
    fleet.add_slots("b3", owner=make_user("cleo").pk)
    at, tried = AT, []
    for number in range(retrying.INFRASTRUCTURE_RETRIES + 1):
        assert task_of().status == TaskStatus.VERIFYING, number
        assert dispatch.dispatch(at=at) == 1
        tried.append(fleet.places[newest(fleet).attempt][0])
        report(fleet, "lost", kind=FailureKind.BUILDER_LOST, message="the builder fell silent.", at=at)
        assert dispatch.dispatch(at=at) == 0, "it rests first"
        at += retrying.BACK_OFF_LIMIT
    assert tried[:2] in (["b2", "b3"], ["b3", "b2"])
    assert "b1" not in tried
    task = task_of()
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, verification.NOT_VERIFIED)
    assert "6 tries came to nothing" in task.problem
    assert first.attempt in fleet.released
    assert not vessel.imports


@pytest.mark.usefixtures("verifying")
def test_nobody_to_build_it_a_second_time_is_no_wait_for_ever(fleet: FakeFleet, owners: tuple[User, User]) -> None:
    fleet.add_slots("b1", owner=owners[0].pk)
    first = build_first(fleet)
    late = AT + verification.patience()
    assert settling.sweep(at=late - timedelta(seconds=1)) == 0
    assert settling.sweep(at=late) == 1
    task = task_of()
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, verification.NOT_VERIFIED)
    assert task.problem == "b1 of ada built it, and within 1 d no builder of another owner built it a second time"
    assert first.attempt in fleet.released
    assert settling.sweep(at=late) == 0


@pytest.mark.usefixtures("verifying")
def test_a_pause_stops_second_builds_and_the_clock(fleet: FakeFleet, owners: tuple[User, User]) -> None:
    builders(fleet, owners)
    build_first(fleet)
    Profile.objects.update(is_paused=True)
    assert dispatch.dispatch(at=AT) == 0
    at, step = AT, verification.patience() / 4
    for _ in range(12):
        at += step
        settling.sweep(at=at)
    assert task_of().status == TaskStatus.VERIFYING
    Profile.objects.update(is_paused=False)
    settling.sweep(at=at + verification.patience() * 0.8)
    assert task_of().status == TaskStatus.VERIFYING, "the clock began anew"
    assert dispatch.dispatch(at=at) == 1


@pytest.mark.usefixtures("verifying")
@pytest.mark.parametrize("is_building", [False, True])
@pytest.mark.parametrize("order", ["cancel", "give up"])
def test_a_person_may_end_it_and_what_was_kept_is_let_go(
    fleet: FakeFleet, owners: tuple[User, User], *, order: str, is_building: bool
) -> None:
    builders(fleet, owners)
    first = build_first(fleet)
    if is_building:
        dispatch.dispatch(at=AT)
    if order == "cancel":
        lifecycle.cancel(task_of(), actor=owners[0], at=AT)
    else:
        lifecycle.give_up(task_of(), actor=owners[0], why="", at=AT)
    assert (newest(fleet).attempt in fleet.cancelled) == is_building
    settling.sweep(at=AT)
    assert first.attempt in fleet.released
    assert fleet.released == set(fleet.orders)
    assert not AttemptRef.objects.unsettled().exists()
    assert not Verification.objects.open().exists()
    lifecycle.retry(task_of(), actor=owners[0], at=AT)
    dispatch.dispatch(at=AT)
    assert task_of().status == TaskStatus.BUILDING


@pytest.mark.usefixtures("verifying")
def test_a_retry_before_the_sweep_lets_go_of_what_the_first_try_kept(
    fleet: FakeFleet, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    first = build_first(fleet)
    dispatch.dispatch(at=AT)
    lifecycle.cancel(task_of(), actor=owners[0], at=AT)
    lifecycle.retry(task_of(), actor=owners[0], at=AT)
    dispatch.dispatch(at=AT)
    report(fleet)
    assert task_of().status == TaskStatus.VERIFYING
    assert first.attempt in fleet.released
    assert Verification.objects.open().count() == 1


def test_a_newer_commit_waits_for_the_end_of_a_second_build(
    verifying: Profile, fleet: FakeFleet, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    build_first(fleet)
    release_again(task_of().recipe)
    planning.plan(verifying, at=AT)
    assert [task.status for task in BuildTask.objects.all()] == [TaskStatus.VERIFYING]
    dispatch.dispatch(at=AT)
    report(fleet, sha256="1" * 64)
    assert Profile.objects.get().plan_requested_at is not None
    planning.plan(verifying, at=AT)
    assert sorted(BuildTask.objects.values_list("release", "status")) == [(1, "failed"), (2, "queued")]


@pytest.mark.usefixtures("verifying")
def test_lost_and_doubled_messages_change_nothing(
    fleet: FakeFleet, vessel: FakeRepository, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    dispatch.dispatch(at=AT)
    first = newest(fleet)
    fleet.end(first.attempt, at=AT)
    settling.sweep(at=AT)
    for _ in range(2):
        settling.settle_attempt(first.attempt, at=AT)
    assert task_of().status == TaskStatus.VERIFYING
    assert first.attempt not in fleet.released, "what is to be compared is kept, however often its bell rings"
    dispatch.dispatch(at=AT)
    second = newest(fleet)
    fleet.end(second.attempt, at=AT)
    settling.sweep(at=AT)
    for _ in range(2):
        settling.settle_attempt(second.attempt, at=AT)
    settling.sweep(at=AT)
    assert task_of().status == TaskStatus.PUBLISHING
    assert len(vessel.imports) == 1
    assert first.attempt not in fleet.released


@pytest.mark.usefixtures("verifying")
def test_what_no_builder_knows_of_is_repeated(fleet: FakeFleet, owners: tuple[User, User]) -> None:
    builders(fleet, owners)
    build_first(fleet)
    dispatch.dispatch(at=AT)
    settling.sweep(at=AT)
    assert AttemptRef.objects.unsettled().count() == 1, "it runs, and is left alone"
    fleet.attempts.pop(newest(fleet).attempt)
    settling.sweep(at=AT)
    assert not AttemptRef.objects.unsettled().exists()
    assert dispatch.dispatch(at=AT + retrying.BACK_OFF) == 1
    report(fleet)
    assert task_of().status == TaskStatus.PUBLISHING


@pytest.mark.usefixtures("verifying")
def test_a_first_build_that_is_forgotten_is_made_again(fleet: FakeFleet, owners: tuple[User, User]) -> None:
    builders(fleet, owners)
    first = build_first(fleet)
    dispatch.dispatch(at=AT)
    fleet.attempts.pop(first.attempt)
    report(fleet)
    assert task_of().status == TaskStatus.QUEUED
    assert dispatch.dispatch(at=AT + retrying.BACK_OFF) == 1
    report(fleet)
    assert task_of().status == TaskStatus.VERIFYING
    Verification.objects.all().delete()
    settling.sweep(at=AT)
    assert task_of().status == TaskStatus.QUEUED, "without anything kept there is nothing to compare"


@pytest.mark.usefixtures("verifying")
def test_a_profile_that_wants_it_no_longer_publishes_what_was_built(
    fleet: FakeFleet, vessel: FakeRepository, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    first = build_first(fleet)
    Profile.objects.update(verification=VerificationPolicy.NONE)
    settling.sweep(at=AT)
    assert task_of().status == TaskStatus.PUBLISHING
    [order] = vessel.imports.values()
    assert order.audience == first.builder
    assert Verification.objects.get().finding == Finding.DROPPED


def test_second_builds_count_against_their_share(
    verifying: Profile, fleet: FakeFleet, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    build_first(fleet)
    dispatch.dispatch(at=AT)
    share = task_of().share
    found = second_builds.look(BuildTask.objects.all(), [verifying], [], at=AT)
    assert found.charge({share: Share(running=2), "other": Share()}) == {share: Share(running=3), "other": Share()}


def test_profiles_without_it_ask_nothing_more_of_the_database(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    make_recipe(repository, "zlib")
    planning.plan(profile, at=AT)
    fleet.add_slots("b1")
    with CaptureQueriesContext(connection) as queries:
        dispatch.dispatch(at=AT)
        report(fleet)
    assert task_of().status == TaskStatus.PUBLISHING
    assert not [query["sql"] for query in queries if "summit_verification" in query["sql"]]
