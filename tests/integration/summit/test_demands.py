"""What builds ask of slots: learnt from what earlier ones took, fitted to the fleet, raised after a shortage."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from avalanche.interfaces import Tier
from serpent_infra.wire.reports import FailureKind
from summit import demands, dispatch, estimates, explain, lifecycle, planning, retrying, settling
from summit.models import AttemptRef, BuildTask, Profile, Repository, Requirement
from summit.states import TaskStatus
from summit.suiting import Room
from tests.factories.summit import AT, make_profile, make_recipe, make_task, release_again
from tests.fakes.doors import FakeFleet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]
GIB = 2**30


def history(
    profile: Profile, repository: Repository, name: str, *peaks: tuple[int | None, int | None], **facts: object
) -> None:
    """Makes a recipe with builds in the past, one for each pair of peaks of memory and disk, in GiB."""
    recipe = make_recipe(repository, name)
    for number, (memory, disk) in enumerate(peaks):
        task = make_task(recipe, profile, TaskStatus.COMPLETED, commit=f"a{number:039x}", attempt_count=1)
        values: dict[str, object] = {
            "memory_peak": None if memory is None else memory * GIB,
            "disk_peak": None if disk is None else disk * GIB,
            "outcome": "succeeded",
        }
        past = AttemptRef.make(task=task, attempt=uuid4(), builder="b0", slot=0, at=AT)
        past.settle(**(values | facts), at=AT)  # type: ignore[arg-type]


def wanted(name: str) -> BuildTask:
    return BuildTask.objects.select_related("profile__project", "recipe__repository").get(
        source_name=name, status__in=[TaskStatus.QUEUED, TaskStatus.BUILDING, TaskStatus.FAILED]
    )


def asked(name: str) -> Room:
    task = wanted(name)
    return Room(memory=task.memory_bytes, disk=task.disk_bytes)


def end_shortly(
    fleet: FakeFleet,
    name: str,
    kind: FailureKind,
    *,
    at: datetime = AT,
    memory_peak: int | None = None,
    disk_peak: int | None = None,
) -> BuildTask:
    """Dispatches, and lets the build of a recipe end for want of something."""
    dispatch.dispatch(at=at)
    attempt = AttemptRef.objects.get(task=wanted(name), settled_at=None).attempt
    message = "It was too much"
    fleet.end(attempt, "failed", at=at, kind=kind, message=message, memory_peak=memory_peak, disk_peak=disk_peak)
    settling.settle_attempt(attempt, at=at)
    return wanted(name)


# Learnt


def test_a_build_asks_for_what_the_most_demanding_of_the_recent_ones_took_with_a_margin(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots(memory_limit=64 * GIB)
    history(profile, repository, "llvm", (40, 90), *[(4, 8), (8, 4), (2, 2), (4, 4), (4, 4)])
    planning.plan(profile, at=AT)
    assert asked("llvm") == Room(memory=10 * GIB, disk=10 * GIB)  # the oldest of six is forgotten


def test_each_architecture_teaches_for_itself(profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    arm = make_profile(profile.project, name="aarch64", architecture="aarch64", channel="arm")
    fleet.add_slots(memory_limit=64 * GIB)
    fleet.add_slots("b2", memory_limit=64 * GIB, architecture="aarch64")
    history(profile, repository, "llvm", (8, 4))
    planning.plan(arm, at=AT)
    assert asked("llvm") == Room()


def test_attempts_that_failed_otherwise_or_were_not_measured_teach_nothing(
    profile: Profile, repository: Repository
) -> None:
    history(profile, repository, "broken", (8, 8), outcome="failed", failure_kind="phase")
    history(profile, repository, "old", (None, None))
    assert estimates.room(["broken", "old", "unheard-of"], architecture="x86_64") == {}


def test_what_is_declared_wins_where_it_is_larger(profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    fleet.add_slots(memory_limit=64 * GIB)
    history(profile, repository, "llvm", (8, 8))
    Requirement.objects.create(source_name="llvm", memory_bytes=32 * GIB, disk_bytes=1 * GIB)
    planning.plan(profile, at=AT)
    assert asked("llvm") == Room(memory=32 * GIB, disk=10 * GIB)


def test_the_queries_of_learning_do_not_grow_with_the_tasks(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots(memory_limit=64 * GIB)
    counts = []
    for size in (2, 20):
        for number in range(size):
            history(profile, repository, f"p{size}-{number}", (8, 8))
        tasks = [make_task(make_recipe(repository, f"q{size}-{number}"), profile) for number in range(size)]
        for number, task in enumerate(tasks):
            task.source_name = f"p{size}-{number}"
        with CaptureQueriesContext(connection) as captured:
            demands.learn(tasks, at=AT)
        counts.append(len(captured))
        assert {task.memory_bytes for task in tasks} == {10 * GIB}
    assert counts == [2, 2]  # of attempts, and of what was declared; the fleet is avalanche's


def test_what_a_settled_attempt_took_teaches_the_next_build(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots(memory_limit=64 * GIB)
    recipe = make_recipe(repository, "llvm")
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    [attempt] = fleet.orders
    fleet.end(attempt, at=AT, memory_peak=8 * GIB, disk_peak=16 * GIB)
    settling.settle_attempt(attempt, at=AT)
    lifecycle.complete(BuildTask.objects.get(), version="1", at=AT)
    release_again(recipe)
    planning.plan(profile, at=AT)
    assert asked("llvm") == Room(memory=10 * GIB, disk=20 * GIB)


# Fitted to the fleet


def test_a_learnt_need_that_no_slot_has_goes_to_the_largest_and_says_so(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("small", memory_limit=4 * GIB)
    fleet.add_slots("large", memory_limit=8 * GIB)
    history(profile, repository, "llvm", (16, 1))
    planning.plan(profile, at=AT)
    assert explain.explain(wanted("llvm"), at=AT).text == (
        "It needs about 20.0 GiB of memory and no slot for x86_64 has it, so the largest tries it: "
        "0 of 1 that may take it are busy, 0 builds go before it."
    )
    assert dispatch.dispatch(at=AT) == 1
    assert AttemptRef.objects.get(task=wanted("llvm")).builder == "large"


def test_a_declared_need_that_no_slot_has_waits_and_says_so(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots(memory_limit=8 * GIB)
    make_recipe(repository, "llvm")
    Requirement.objects.create(source_name="llvm", memory_bytes=16 * GIB)
    planning.plan(profile, at=AT)
    demands.refit(at=AT)
    assert dispatch.dispatch(at=AT) == 0
    assert explain.explain(wanted("llvm"), at=AT).text == (
        "It needs 16.0 GiB of memory, and the largest slot has 8.00 GiB."
    )


def test_a_large_slot_whose_builder_is_silent_is_waited_for_and_given_up_once_it_is_forgotten(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("small", memory_limit=8 * GIB)
    fleet.add_slots("large", memory_limit=32 * GIB)
    history(profile, repository, "llvm", (16, 1))
    planning.plan(profile, at=AT)
    fleet.online["large"] = False
    assert demands.refit(at=AT) == 0
    assert dispatch.dispatch(at=AT) == 0
    assert explain.explain(wanted("llvm"), at=AT).text == (
        "It needs about 20.0 GiB of memory, and the largest slot has 8.00 GiB."
    )
    del fleet.slots["large", 0]
    assert demands.refit(at=AT) == 1
    assert asked("llvm").memory == 8 * GIB
    assert dispatch.dispatch(at=AT) == 1


def test_a_larger_slot_that_comes_is_asked_for(profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    fleet.add_slots("small", memory_limit=8 * GIB)
    history(profile, repository, "llvm", (16, 1))
    planning.plan(profile, at=AT)
    assert asked("llvm").memory == 8 * GIB
    fleet.add_slots("large", memory_limit=32 * GIB)
    assert demands.refit(at=AT) == 1
    assert asked("llvm").memory == 20 * GIB
    assert demands.refit(at=AT) == 0


def test_a_slot_that_official_builds_may_not_take_does_not_count(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("ours", memory_limit=8 * GIB)
    fleet.add_slots("lent", memory_limit=32 * GIB, tier=Tier.TEST)
    history(profile, repository, "llvm", (16, 1))
    planning.plan(profile, at=AT)
    assert asked("llvm").memory == 8 * GIB


def test_disks_that_fill_hold_up_no_build_of_which_that_was_only_learnt(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1", memory_limit=8 * GIB, disk_free=100 * GIB)
    history(profile, repository, "llvm", (1, 40))
    planning.plan(profile, at=AT)
    assert asked("llvm").disk == 50 * GIB
    fleet.add_slots("b1", memory_limit=8 * GIB, disk_free=20 * GIB)
    assert demands.refit(at=AT) == 1
    assert dispatch.dispatch(at=AT) == 1


# After a shortage


def test_a_build_that_ran_out_of_memory_goes_to_a_slot_with_more(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("small", memory_limit=8 * GIB)
    fleet.add_slots("large", memory_limit=32 * GIB)
    make_recipe(repository, "llvm")
    planning.plan(profile, at=AT)
    task = end_shortly(fleet, "llvm", FailureKind.OUT_OF_MEMORY, memory_peak=8 * GIB - 1)
    assert task.status == TaskStatus.QUEUED
    assert asked("llvm").memory == 12 * GIB
    later = AT + timedelta(minutes=1)
    assert dispatch.dispatch(at=later) == 1
    assert AttemptRef.objects.get(task=task, settled_at=None).builder == "large"


def test_the_builder_on_which_memory_was_short_is_not_avoided_for_it(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1", memory_limit=8 * GIB)
    fleet.slots["b1", 1] = replace(fleet.slots["b1", 0], slot=1, memory_limit=32 * GIB)
    fleet.add_slots("b2", memory_limit=32 * GIB)
    make_recipe(repository, "llvm")
    planning.plan(profile, at=AT)
    task = end_shortly(fleet, "llvm", FailureKind.OUT_OF_MEMORY, memory_peak=8 * GIB)
    dispatch.dispatch(at=AT + timedelta(minutes=1))
    reference = AttemptRef.objects.get(task=task, settled_at=None)
    assert (reference.builder, reference.slot) == ("b1", 1)


def test_where_no_slot_has_more_it_fails_at_once_and_says_why(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1", 2, memory_limit=8 * GIB)
    make_recipe(repository, "llvm")
    planning.plan(profile, at=AT)
    task = end_shortly(fleet, "llvm", FailureKind.OUT_OF_MEMORY, memory_peak=8 * GIB)
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, "out-of-memory")
    assert task.problem == "It was too much; its slot has 8.00 GiB, and no slot for x86_64 has more"
    # Once a larger one has come, whoever orders it again has it sent there.
    fleet.add_slots("b2", memory_limit=32 * GIB)
    lifecycle.retry(task, actor=None, at=AT)
    demands.refit(at=AT)
    assert asked("llvm").memory == 12 * GIB
    dispatch.dispatch(at=AT)
    assert AttemptRef.objects.get(task=task, settled_at=None).builder == "b2"


def test_without_a_limit_it_is_tried_again_and_asks_for_more_than_it_took(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1", memory_limit=0)
    make_recipe(repository, "llvm")
    planning.plan(profile, at=AT)
    task = end_shortly(fleet, "llvm", FailureKind.OUT_OF_MEMORY, memory_peak=4 * GIB)
    assert (task.status, asked("llvm").memory) == (TaskStatus.QUEUED, 6 * GIB)


def test_tries_for_want_of_memory_come_to_an_end(profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    fleet.add_slots("b1", memory_limit=0)
    make_recipe(repository, "llvm")
    planning.plan(profile, at=AT)
    for number in range(retrying.INFRASTRUCTURE_RETRIES + 1):
        at = AT + timedelta(hours=number)
        task = end_shortly(fleet, "llvm", FailureKind.OUT_OF_MEMORY, at=at, memory_peak=4 * GIB)
    assert task.status == TaskStatus.FAILED


def test_a_build_that_filled_a_disk_asks_for_more_than_it_took(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1", disk_free=40 * GIB)
    fleet.add_slots("b2", disk_free=400 * GIB)
    make_recipe(repository, "llvm")
    planning.plan(profile, at=AT)
    task = end_shortly(fleet, "llvm", FailureKind.DISK_FULL, disk_peak=40 * GIB)
    assert (task.status, asked("llvm").disk) == (TaskStatus.QUEUED, 60 * GIB)
    dispatch.dispatch(at=AT + timedelta(minutes=1))
    assert AttemptRef.objects.get(task=task, settled_at=None).builder == "b2"


def test_a_shortage_teaches_the_next_build_of_the_recipe(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("small", memory_limit=8 * GIB)
    fleet.add_slots("large", memory_limit=32 * GIB)
    recipe = make_recipe(repository, "llvm")
    planning.plan(profile, at=AT)
    end_shortly(fleet, "llvm", FailureKind.OUT_OF_MEMORY, memory_peak=8 * GIB)
    release_again(recipe)
    planning.plan(profile, at=AT)
    assert asked("llvm").memory == 12 * GIB


# Told


def test_the_api_tells_what_attempts_took_and_what_a_recipe_needs(
    client: Client, profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots(memory_limit=16 * GIB)
    history(profile, repository, "llvm", (8, 4), (4, 8))
    Requirement.objects.create(source_name="llvm", memory_bytes=12 * GIB)
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    task = wanted("llvm")
    fleet.end(task.attempts.get().attempt, at=AT, memory_peak=9 * GIB, disk_peak=3 * GIB)
    settling.settle_attempt(task.attempts.get().attempt, at=AT)

    build = client.get(f"/api/v1/builds/{task.pk}/").json()
    [attempt] = build["attempts"]
    assert (attempt["memory_peak"], attempt["disk_peak"]) == (9 * GIB, 3 * GIB)
    assert (build["memory_bytes"], build["learnt_memory_bytes"]) == (12 * GIB, 10 * GIB)
    assert (build["disk_bytes"], build["learnt_disk_bytes"]) == (10 * GIB, 10 * GIB)
    nothing = {"memory": 0, "disk": 0}
    assert client.get(f"/api/v1/recipes/{task.recipe_id}/").json()["demands"] == [
        {
            "architecture": "",
            "attempts": 0,
            "taken": nothing,
            "learnt": nothing,
            "declared": {"memory": 12 * GIB, "disk": 0},
        },
        {
            "architecture": "x86_64",
            "attempts": 3,
            "taken": {"memory": 9 * GIB, "disk": 8 * GIB},
            "learnt": {"memory": 9 * GIB * 5 // 4, "disk": 10 * GIB},
            "declared": nothing,
        },
    ]
