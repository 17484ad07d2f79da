"""Moves many build tasks at once, each by compare-and-set and with an event row, as a transition of one does."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Model
from django.db.models.expressions import CombinedExpression

from summit import bulk
from summit.states import OPEN, WAITING, TaskStatus

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User
    from summit.models.tasks import BuildTask, BuildTaskQuerySet


def take_over(row: Model, changes: Mapping[str, object]) -> None:
    """Gives a row that was read the columns that were written; what the database computed is read again."""
    computed = [name for name, value in changes.items() if isinstance(value, CombinedExpression)]
    for name, value in changes.items():
        if name not in computed:
            setattr(row, name, value)
    if computed:
        row.refresh_from_db(fields=computed)


def move(
    tasks: "BuildTaskQuerySet",
    target: TaskStatus,
    sources: Iterable[TaskStatus],
    changes: Mapping[int, dict[str, str]],
    *,
    actor: "User | None" = None,
    at: datetime,
) -> int:
    """Moves many: by id `block_reason`, `problem` and the event's `sentence`; those that moved meanwhile stay."""
    from summit.models.events import TaskEvent  # noqa: PLC0415 - an event names its task

    seen = dict(tasks.filter(pk__in=changes, status__in=list(sources)).values_list("pk", "status"))
    ended_at = None if target in OPEN else at
    rows = [
        (target, at, ended_at, changes[key]["block_reason"], changes[key]["problem"], key, seen[key]) for key in seen
    ]
    bulk.update(tasks.model, ["status", "updated_at", "ended_at", "block_reason", "problem"], rows, guard="status")
    moved = set(tasks.model.objects.filter(pk__in=seen, status=target, updated_at=at).values_list("pk", flat=True))
    TaskEvent.objects.bulk_create(
        [
            TaskEvent(task_id=key, at=at, source=source, target=target, actor=actor, sentence=changes[key]["sentence"])
            for key, source in seen.items()
            if key in moved
        ],
        batch_size=2000,
    )
    return len(moved)


def cancel(tasks: "BuildTaskQuerySet", *, actor: "User | None", sentence: str, at: datetime) -> int:
    """Cancels those that wait; what blocked them stays written."""
    changes = {
        key: {"block_reason": "", "problem": problem, "sentence": sentence}
        for key, problem in tasks.waiting().values_list("pk", "problem")
    }
    return move(tasks, TaskStatus.CANCELLED, WAITING, changes, actor=actor, at=at)


def expedite(
    tasks: "BuildTaskQuerySet", sentences: Mapping[int, str], *, actor: "User | None", at: datetime
) -> set[int]:
    """Puts waiting ones before all others and says which were moved; by id the sentence."""
    from summit.models.events import TaskEvent  # noqa: PLC0415 - an event names its task

    seen = dict(tasks.waiting().filter(pk__in=sentences, is_expedited=False).values_list("pk", "status"))
    moved = {
        key
        for key, status in seen.items()
        if tasks.model.objects.filter(pk=key, status=status, is_expedited=False).update(
            is_expedited=True, updated_at=at
        )
    }
    TaskEvent.objects.bulk_create(
        TaskEvent(task_id=key, at=at, source=seen[key], target=seen[key], actor=actor, sentence=sentences[key])
        for key in sorted(moved)
    )
    return moved


def set_aside(task: "BuildTask", *, until: datetime, sentence: str, at: datetime) -> bool:
    """Lets a queued one rest until then, and says whether it was queued still."""
    from summit.models.events import TaskEvent  # noqa: PLC0415 - an event names its task

    rows = type(task).objects.filter(pk=task.pk, status=TaskStatus.QUEUED)
    is_moved = rows.update(not_before=until, updated_at=at) > 0
    if is_moved:
        queued = TaskStatus.QUEUED
        TaskEvent.objects.create(task_id=task.pk, at=at, source=queued, target=queued, sentence=sentence)
    return is_moved


def mark_security(
    tasks: "BuildTaskQuerySet", sentences: Mapping[int, str], *, is_security: bool, actor: "User | None", at: datetime
) -> None:
    """Marks builds as security, or takes the mark away, and tells each of it: by id the sentence.

    A build that keeps its mark is told as well. None of them changes its status.
    """
    from summit.models.events import TaskEvent  # noqa: PLC0415 - an event names its task

    rows = tasks.filter(pk__in=sentences)
    rows.exclude(is_security=is_security).update(is_security=is_security, updated_at=at)
    told = rows.order_by("pk").values_list("pk", "status")
    TaskEvent.objects.bulk_create(
        [
            TaskEvent(task_id=key, at=at, source=status, target=status, actor=actor, sentence=sentences[key])
            for key, status in told
        ],
        batch_size=2000,
    )
