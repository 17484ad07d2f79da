"""Build tasks in the database: every transition from every status, the constraints, and what the querysets mean."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from summit.models import AttemptRef, BuildTask, Profile, Repository
from summit.needs import BlockReason
from summit.states import CLOSED, OPEN, RETRYABLE, SOURCES, WAITING, IllegalTransition, TaskStatus
from tests.factories.summit import AT, make_recipe, make_task, make_user

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(minutes=5)
VERBS: dict[str, tuple[TaskStatus, set[TaskStatus], Callable[[BuildTask], None]]] = {
    "accept": (
        TaskStatus.QUEUED,
        {TaskStatus.IN_REVIEW},
        lambda task: task.accept(at=LATER),
    ),
    "reject": (
        TaskStatus.REJECTED,
        {TaskStatus.IN_REVIEW},
        lambda task: task.reject(at=LATER, actor=make_user(), sentence="no"),
    ),
    "block": (
        TaskStatus.BLOCKED,
        {TaskStatus.QUEUED, TaskStatus.BLOCKED},
        lambda task: task.block(reason=BlockReason.MISSING, problem="needs x", at=LATER),
    ),
    "unblock": (TaskStatus.QUEUED, {TaskStatus.BLOCKED}, lambda task: task.unblock(at=LATER)),
    "start": (TaskStatus.BUILDING, {TaskStatus.QUEUED}, lambda task: task.start(at=LATER, sentence="b1")),
    "requeue": (
        TaskStatus.QUEUED,
        {TaskStatus.BUILDING, TaskStatus.VERIFYING, TaskStatus.PUBLISHING},
        lambda task: task.requeue(not_before=LATER, sentence="again", at=LATER),
    ),
    "publish": (
        TaskStatus.PUBLISHING,
        {TaskStatus.BUILDING, TaskStatus.VERIFYING},
        lambda task: task.publish(build_seconds=1.0, at=LATER),
    ),
    "verify": (
        TaskStatus.VERIFYING,
        {TaskStatus.BUILDING},
        lambda task: task.verify(build_seconds=1.0, at=LATER, sentence="built on b1"),
    ),
    "start again": (
        TaskStatus.VERIFYING,
        {TaskStatus.VERIFYING},
        lambda task: task.start_again(at=LATER, sentence="offered to b2"),
    ),
    "wait again": (
        TaskStatus.VERIFYING,
        {TaskStatus.VERIFYING},
        lambda task: task.wait_again(at=LATER, sentence="b2 fell silent"),
    ),
    "complete": (TaskStatus.COMPLETED, {TaskStatus.PUBLISHING}, lambda task: task.complete(version="7", at=LATER)),
    "fail": (
        TaskStatus.FAILED,
        set(OPEN) - {TaskStatus.IN_REVIEW},
        lambda task: task.fail(kind="phase", problem="no", at=LATER),
    ),
    "give up": (
        TaskStatus.FAILED,
        set(OPEN) - {TaskStatus.IN_REVIEW, TaskStatus.PUBLISHING},
        lambda task: task.give_up(kind="given-up", problem="no hope", at=LATER, actor=make_user()),
    ),
    "cancel": (
        TaskStatus.CANCELLED,
        set(OPEN) - {TaskStatus.PUBLISHING},
        lambda task: task.cancel(at=LATER, actor=None, sentence="enough"),
    ),
    "supersede": (
        TaskStatus.SUPERSEDED,
        {TaskStatus.IN_REVIEW, TaskStatus.QUEUED, TaskStatus.BLOCKED},
        lambda task: task.supersede(by=None, at=LATER, sentence="newer"),
    ),
    "retry": (TaskStatus.QUEUED, set(RETRYABLE), lambda task: task.retry(at=LATER, actor=None)),
}


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("verb", VERBS)
def test_a_transition_moves_from_its_sources_only(
    profile: Profile, repository: Repository, verb: str, status: TaskStatus
) -> None:
    target, sources, act = VERBS[verb]
    task = make_task(make_recipe(repository, "zlib"), profile, status)
    assert sources <= SOURCES[target]
    if status not in sources:
        with pytest.raises(IllegalTransition, match="cannot become"):
            act(task)
        task.refresh_from_db()
        assert task.status == status
        assert not task.events.exists()
        return
    act(task)
    [event] = task.events.all()
    stored = BuildTask.objects.get()
    assert (event.source, event.target, event.at) == (status, target, LATER)
    assert (task.status, stored.status, stored.updated_at) == (target, target, LATER)
    assert (stored.ended_at is not None) == (target in CLOSED)


def test_every_target_has_a_verb_from_each_of_its_sources() -> None:
    reached = {(source, target) for target, sources, _ in VERBS.values() for source in sources}
    wanted = {(source, target) for target, sources in SOURCES.items() for source in sources}
    assert wanted == reached


@pytest.mark.parametrize("status", TaskStatus)
def test_only_what_waits_is_put_before_others_and_says_so_once(
    profile: Profile, repository: Repository, status: TaskStatus
) -> None:
    task, person = make_task(make_recipe(repository, "zlib"), profile, status), make_user()
    for expected in ({task.pk} if status in WAITING else set(), set()):
        moved = BuildTask.objects.expedite_all({task.pk: "first"}, actor=person, at=LATER)
        assert moved == expected
    task.refresh_from_db()
    assert (task.status, task.is_expedited) == (status, status in WAITING)
    assert [(event.source, event.target, event.actor) for event in task.events.all()] == (
        [(status, status, person)] if status in WAITING else []
    )


def test_who_looked_before_another_moved_it_loses(profile: Profile, repository: Repository) -> None:
    task = make_task(make_recipe(repository, "zlib"), profile)
    one, other = BuildTask.objects.get(), BuildTask.objects.get()
    one.start(at=LATER, sentence="b1")
    with pytest.raises(IllegalTransition):
        other.start(at=LATER, sentence="b2")
    task.refresh_from_db()
    assert (task.attempt_count, task.events.count()) == (1, 1)


def test_a_task_with_unmet_needs_does_not_start(profile: Profile, repository: Repository) -> None:
    task = make_task(make_recipe(repository, "zlib"), profile, blockers=1)
    with pytest.raises(IllegalTransition):
        task.start(at=LATER, sentence="b1")


def test_one_task_of_a_profile_and_recipe_is_open_at_most(profile: Profile, repository: Repository) -> None:
    recipe = make_recipe(repository, "zlib")
    make_task(recipe, profile, TaskStatus.FAILED)
    make_task(recipe, profile)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_task(recipe, profile, TaskStatus.BLOCKED)


def test_one_attempt_of_a_task_is_unsettled_at_most(profile: Profile, repository: Repository) -> None:
    task = make_task(make_recipe(repository, "zlib"), profile, TaskStatus.BUILDING, attempt_count=1)
    first = AttemptRef.objects.create(
        task=task, attempt="00000000-0000-4000-8000-000000000001", number=1, builder="b1", slot=0, created_at=AT
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        AttemptRef.objects.create(
            task=task, attempt="00000000-0000-4000-8000-000000000002", number=2, builder="b1", slot=0, created_at=AT
        )
    assert first.settle(outcome="lost", at=LATER)
    assert not first.settle(outcome="succeeded", at=LATER), "the first word counts"
    first.refresh_from_db()
    assert first.outcome == "lost"


def test_ready_is_queued_without_needs_rested_and_not_paused(profile: Profile, repository: Repository) -> None:
    ready = make_task(make_recipe(repository, "ready"), profile)
    make_task(make_recipe(repository, "waiting"), profile, blockers=1)
    make_task(make_recipe(repository, "resting"), profile, not_before=LATER)
    make_task(make_recipe(repository, "building"), profile, TaskStatus.BUILDING)
    assert list(BuildTask.objects.ready(at=AT)) == [ready]
    assert BuildTask.objects.ready(at=LATER).count() == 2
    profile.project.is_paused = True
    profile.project.save()
    assert not BuildTask.objects.ready(at=LATER).exists()


def test_blocking_many_leaves_alone_what_moved_meanwhile(profile: Profile, repository: Repository) -> None:
    queued = make_task(make_recipe(repository, "queued"), profile)
    building = make_task(make_recipe(repository, "building"), profile, TaskStatus.BUILDING)
    blocks = {task.pk: (BlockReason.FAILED_NEED, "needs x") for task in (queued, building)}
    assert BuildTask.objects.block_all(blocks, at=LATER) == 1
    assert dict(BuildTask.objects.values_list("source_name", "status")) == {
        "queued": "blocked",
        "building": "building",
    }
    assert BuildTask.objects.unblock_all([queued.pk, building.pk], sentence="gone", at=LATER) == 1
    assert [event.target for event in queued.events.order_by("pk")] == ["blocked", "queued"]
