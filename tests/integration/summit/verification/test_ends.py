"""Builds made twice end, whatever is lost, forgotten, paused or decided by a person meanwhile."""

from datetime import timedelta

import pytest

from serpent_infra.accounts.models import User
from summit import dispatch, explain, lifecycle, planning, retrying, settling, verification
from summit.models import AttemptRef, BuildTask, Finding, Profile, Verification, VerificationPolicy
from summit.states import TaskStatus
from tests.factories.summit import AT, release_again
from tests.fakes.doors import FakeFleet, FakeRepository
from tests.integration.summit.verification.builds import build_first, builders, newest, report, task_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


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
    assert explain.explain(task_of(), at=AT).text == (
        "It was built by b1 and waits to be built a second time, but main/x86_64 is paused."
    )
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
