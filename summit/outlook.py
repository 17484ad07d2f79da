"""Forecasts of the stored queue: reads open builds, their needs and the fleet, and asks the pure forecast.

Three queries for the queue, whatever its length, and what the fleet takes; a queue beyond `LARGEST` is not forecast.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from statistics import median, pstdev

from django.db.models import Q

from summit import dispatch
from summit.forecast import Forecast, Moment, Work, forecast
from summit.models import BuildTask, Purpose, TaskEdge
from summit.scheduler import Slot
from summit.states import OPEN, TaskStatus

LARGEST = 4000  # open builds; what a page can compute while somebody waits for it
_SAMPLE = 300  # completed builds, the newest: how far estimates were off, and how long publishing took
_FEWEST = 5  # below that nothing can be learnt from them
_SPREAD = 0.7  # of durations never learnt: two thirds lie within a factor of two
_NARROWEST, _WIDEST = 0.1, 1.5
_PUBLISHING = 5.0  # seconds, before the first
_FIELDS = (
    *("pk", "architecture", "purpose", "status", "priority", "is_expedited", "estimate_seconds", "started_at"),
    *("not_before", "profile__isa_level", "profile__is_paused", "profile__project__is_paused"),
)


@dataclass(frozen=True, slots=True)
class Range:
    """A moment on the clock: `likely` is as probable as not, `late` is nine in ten."""

    likely: datetime
    late: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a build starts and when it is published; `start` is None once it has begun."""

    start: Range | None
    finish: Range


@dataclass(frozen=True, slots=True)
class Experience:
    """What completed builds teach: how far estimates are off (standard deviation of the logarithm), and publishing."""

    spread: float = _SPREAD
    publishing: float = _PUBLISHING


def outlooks(*, at: datetime) -> Mapping[int, Outlook]:
    """Forecasts all open builds by id; absent is what cannot run as things are: blocked, paused, in review, unfit."""
    fields = BuildTask.objects.open().values_list(*_FIELDS)[: LARGEST + 1]
    rows = [_Row(*row) for row in fields]
    if len(rows) > LARGEST:
        return {}
    experience = learn()
    slots = dispatch.working_slots(at=at)
    needs = _needs()
    works = [_work(row, needs.get(row.pk, ()), slots, experience, at=at) for row in rows if not row.is_held]
    begun = {row.pk for row in rows if row.status != TaskStatus.QUEUED}
    found = forecast(works, publishing=experience.publishing)
    return {key: _outlook(one, at=at, has_begun=key in begun) for key, one in found.items()}


def learn() -> Experience:
    """Looks at the newest completed builds."""
    rows = list(
        BuildTask.objects.filter(status=TaskStatus.COMPLETED, build_seconds__gt=0, estimate_seconds__gt=0)
        .order_by("-pk")
        .values_list("build_seconds", "estimate_seconds", "started_at", "ended_at")[:_SAMPLE]
    )
    if len(rows) < _FEWEST:
        return Experience()
    errors = [log(took / estimated) for took, estimated, _, _ in rows if took]
    rests = [
        max((ended - started).total_seconds() - took, 0.0)
        for took, _, started, ended in rows
        if took and started and ended
    ]
    spread = min(max(pstdev(errors), _NARROWEST), _WIDEST)
    return Experience(spread=spread, publishing=median(rests) if rests else _PUBLISHING)


@dataclass(frozen=True, slots=True)
class _Row:
    """One open build as it is read; the order of its fields is that of `_FIELDS`."""

    pk: int
    architecture: str
    purpose: str
    status: str
    priority: float
    is_expedited: bool
    estimate_seconds: float
    started_at: datetime | None
    not_before: datetime | None
    isa_level: str
    is_paused: bool
    is_project_paused: bool

    @property
    def is_held(self) -> bool:
        """Says whether it will not go on by itself."""
        is_waiting = self.status in {TaskStatus.IN_REVIEW, TaskStatus.BLOCKED}
        return is_waiting or (self.status == TaskStatus.QUEUED and (self.is_paused or self.is_project_paused))


def _needs() -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = {}
    edges = TaskEdge.objects.unmet().filter(Q(task__status__in=OPEN))
    for task, need in edges.values_list("task", "needs"):
        found.setdefault(task, []).append(need)
    return found


def _work(row: _Row, needs: Iterable[int], slots: list[Slot], experience: Experience, *, at: datetime) -> Work:
    is_official = row.purpose == Purpose.OFFICIAL
    running_for = None
    if row.status in {TaskStatus.BUILDING, TaskStatus.VERIFYING}:
        running_for = (at - row.started_at).total_seconds() if row.started_at else 0.0
    return Work(
        key=row.pk,
        seconds=row.estimate_seconds,
        spread=experience.spread,
        needs=tuple(needs) if row.status == TaskStatus.QUEUED else (),
        pool=row.architecture,
        slots=_count(slots, row.architecture, row.isa_level, is_official=is_official),
        rank=(not row.is_expedited, -row.priority, row.pk),
        rests_for=(row.not_before - at).total_seconds() if row.not_before is not None else 0.0,
        running_for=running_for,
        is_built=row.status == TaskStatus.PUBLISHING,
    )


def _count(slots: Iterable[Slot], architecture: str, isa_level: str, *, is_official: bool) -> int:
    return sum(
        slot.architecture == architecture
        and (not isa_level or isa_level in slot.isa_levels)
        and (slot.is_official or not is_official)
        for slot in slots
    )


def _outlook(one: Forecast, *, at: datetime, has_begun: bool) -> Outlook:
    return Outlook(start=None if has_begun else _range(one.start, at=at), finish=_range(one.finish, at=at))


def _range(moment: Moment, *, at: datetime) -> Range:
    return Range(likely=at + timedelta(seconds=moment.likely), late=at + timedelta(seconds=moment.late))
