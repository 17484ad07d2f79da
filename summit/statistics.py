"""Figures for Home: throughput by the hour, and how long it took from built to published."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Count

from summit.models import BuildTask, TaskEvent
from summit.permissions import Viewer
from summit.states import TaskStatus

HOURS = 24
LATENCY_SAMPLE = 50  # completed builds, the newest


@dataclass(frozen=True, kw_only=True)
class Hour:
    """What ended in one hour that begins at `start`."""

    start: datetime
    completed: int
    failed: int


def status_counts(user: Viewer) -> dict[str, int]:
    """Counts the open builds that the user may see by status; every status is present."""
    rows = BuildTask.objects.open().visible_to(user).values_list("status").annotate(number=Count("pk"))
    counts: dict[str, int] = dict.fromkeys(TaskStatus.values, 0)
    counts.update((str(status), number) for status, number in rows)
    return counts


def throughput(user: Viewer, *, at: datetime) -> list[Hour]:
    """Counts what completed and what failed in each of the latest 24 hours, the oldest first."""
    first = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    ended = (
        BuildTask.objects.filter(status__in=[TaskStatus.COMPLETED, TaskStatus.FAILED], updated_at__gte=first)
        .visible_to(user)
        .exclude(ended_at__isnull=True)
        .values_list("status", "ended_at")
    )
    counts: Counter[tuple[str, datetime]] = Counter()
    for status, ended_at in ended.iterator():
        if ended_at is not None:
            counts[status, ended_at.replace(minute=0, second=0, microsecond=0)] += 1
    return [
        Hour(
            start=start,
            completed=counts[TaskStatus.COMPLETED.value, start],
            failed=counts[TaskStatus.FAILED.value, start],
        )
        for start in (first + timedelta(hours=number) for number in range(HOURS))
    ]


def publish_latency(user: Viewer) -> float | None:
    """Gives the median seconds from built to published over the newest completed builds, None before the first."""
    newest = dict(
        BuildTask.objects.filter(status=TaskStatus.COMPLETED)
        .visible_to(user)
        .order_by("-pk")
        .values_list("pk", "ended_at")[:LATENCY_SAMPLE]
    )
    built = (
        TaskEvent.objects.filter(task__in=list(newest), target=TaskStatus.PUBLISHING)
        .order_by("at")
        .values_list("task_id", "at")
    )
    latest = dict(built)  # of several the last counts
    seconds = [(ended - latest[pk]).total_seconds() for pk, ended in newest.items() if ended and pk in latest]
    return median(seconds) if seconds else None
