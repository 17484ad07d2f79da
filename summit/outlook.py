"""Forecasts of the stored queue: reads open builds, their needs and the fleet, and asks the pure forecast.

A number of queries that does not depend on the queue's length. Of a queue beyond `LARGEST` its head is forecast: of
each share what is most urgent. A forecast is kept for a while, so that making them takes a small part of the time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import log
from statistics import median, pstdev
from threading import Lock
from time import perf_counter

from django.conf import settings
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from summit import dispatch, lanes
from summit.forecast import Forecast, Moment, Work, forecast
from summit.models import AttemptRef, BuildTask, Profile, Purpose, TaskEdge
from summit.models.urgency import FIRST
from summit.scheduler import Ready
from summit.states import IN_PROGRESS, OPEN, TaskStatus

LARGEST = 8000  # waiting builds; what a page can compute while somebody waits for it
KEPT_FOR = 20.0  # times as long as making it took
_CHUNK = 2000  # ids in one query
_SAMPLE = 300  # completed builds, the newest: how far estimates were off, and how long publishing took
_FEWEST = 5  # below that nothing can be learnt from them
_SPREAD = 0.7  # of durations never learnt: two thirds lie within a factor of two
_NARROWEST, _WIDEST = 0.1, 1.5
_PUBLISHING = 5.0  # seconds, before the first
_FIELDS = (
    *("pk", "recipe_id", "profile_id", "architecture", "purpose", "status", "priority", "is_expedited", "is_security"),
    *("share", "memory_bytes", "disk_bytes", "estimate_seconds", "queued_at", "created_at", "started_at", "not_before"),
)


@dataclass(frozen=True, slots=True)
class Range:
    """A moment on the clock: `likely` is as probable as not, `late` is nine in ten."""

    likely: datetime
    late: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a build starts and when it is published; `start` is None once it has begun."""

    architecture: str
    start: Range | None
    finish: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What is foreseen of the queue.

    `outlooks` are by id: what has begun, the furthest on first, then what waits, in the order in which slots take it.
    Absent is what cannot run as things are: blocked, paused, in review, unfit. `waiting` counts the queued builds that
    nobody has paused, `considered` are those of them that were looked at.
    """

    outlooks: Mapping[int, Outlook] = field(default_factory=dict)
    waiting: int = 0
    considered: frozenset[int] = frozenset()

    @property
    def is_partial(self) -> bool:
        """Says whether the queue is too long to look at all of it."""
        return len(self.considered) < self.waiting

    @property
    def silence(self) -> str:
        """Says why some have no estimate although nothing stops them; "" where the whole queue was looked at."""
        if not self.is_partial:
            return ""
        return f"{self.waiting:,} builds wait, and estimates are made for the {len(self.considered):,} that go first"

    @property
    def horizon(self) -> Range | None:
        """When the last of those that were looked at starts: all others do later."""
        starts = [one.start for one in self.outlooks.values() if one.start is not None]
        return max(starts, key=lambda start: start.likely, default=None)

    def is_beyond(self, task: BuildTask) -> bool:
        """Says whether nothing is told of a build only because too many go before it."""
        profile = task.profile
        is_held = task.status != TaskStatus.QUEUED or profile.is_paused or profile.project.is_paused
        return self.is_partial and not is_held and task.pk not in self.considered

    def ahead_of(self, task: BuildTask) -> int | None:
        """Counts the waiting builds for the same architecture that begin before one; None where nobody knows."""
        count = 0
        for key, one in self.outlooks.items():
            if key == task.pk:
                return count
            count += one.start is not None and one.architecture == task.architecture
        return None


@dataclass(frozen=True, slots=True)
class Experience:
    """What completed builds teach: how far estimates are off (standard deviation of the logarithm), and publishing."""

    spread: float = _SPREAD
    publishing: float = _PUBLISHING


@dataclass(frozen=True, slots=True)
class _Kept:
    """A forecast, when it was made, and until when it will do."""

    foresight: Foresight
    since: datetime
    until: datetime


class _Memory:
    """What this process foresaw last."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.kept: _Kept | None = None


_memory = _Memory()


def latest(*, at: datetime) -> Foresight:
    """Gives a forecast that is at most a little old; whoever asks while another makes a new one is told the last."""
    kept = _memory.kept
    if kept is not None and kept.since <= at < kept.until:
        return kept.foresight
    if not _memory.lock.acquire(blocking=kept is None) and kept is not None:
        return kept.foresight
    try:
        if kept is None and _memory.kept is not None:  # while we waited for the lock
            return _memory.kept.foresight
        began = perf_counter()
        found = foresee(at=at)
        lasts = timedelta(seconds=(perf_counter() - began) * KEPT_FOR)
        _memory.kept = _Kept(found, since=at, until=at + lasts)
    finally:
        _memory.lock.release()
    return found


def forget() -> None:
    """Drops what is kept."""
    _memory.kept = None


def outlooks(*, at: datetime) -> Mapping[int, Outlook]:
    """Gives what is foreseen of each build by id, as `latest` does."""
    return latest(at=at).outlooks


def foresee(*, at: datetime) -> Foresight:
    """Forecasts the queue as it is stored now."""
    levels = dict(Profile.objects.running().values_list("pk", "isa_level"))
    begun, waiting, total = _read(levels)
    places = _read_places() if begun else {}
    # What waits for a builder of another owner to build it a second time may wait long; nothing is told of it.
    begun = [row for row in begun if row.status != TaskStatus.VERIFYING or row.pk in places]
    rows = [*begun, *waiting]
    slots = dispatch.working_slots(at=at)
    experience = learn()
    needs = _read_needs([row.pk for row in waiting], is_all=len(waiting) == total)
    avoid = lanes.avoided(at=at)
    works = [
        _work(row, row.as_ready(levels.get(row.profile_id, ""), avoid), needs, places, experience, at=at)
        for row in rows
    ]
    found = forecast(
        works,
        slots,
        shares=lanes.holdings({row.share for row in rows}, at=at),
        security_reserve=settings.SERPENT_SECURITY_RESERVE,
        publishing=experience.publishing,
    )
    by_key = {row.pk: row for row in rows}
    return Foresight(
        outlooks={key: _outlook(one, by_key[key], at=at) for key, one in found.items()},
        waiting=total,
        considered=frozenset(row.pk for row in waiting),
    )


def learn() -> Experience:
    """Looks at the newest completed builds, but for those made twice: of these, waiting for the second is a part."""
    once = BuildTask.objects.filter(status=TaskStatus.COMPLETED, verifications__isnull=True)
    rows = list(
        once.filter(build_seconds__gt=0, estimate_seconds__gt=0)
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
    """One build as it is read; the order of its fields is that of `_FIELDS`."""

    pk: int
    recipe_id: int
    profile_id: int
    architecture: str
    purpose: str
    status: str
    priority: float
    is_expedited: bool
    is_security: bool
    share: str
    memory_bytes: int
    disk_bytes: int
    estimate_seconds: float
    queued_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    not_before: datetime | None

    def as_ready(self, isa_level: str, avoid: Mapping[int, set[str]]) -> Ready:
        """Shows it as the scheduler will see it."""
        return Ready(
            key=self.pk,
            architecture=self.architecture,
            isa_level=isa_level,
            is_official=self.purpose == Purpose.OFFICIAL,
            priority=self.priority,
            ready_since=self.queued_at or self.created_at,
            share=self.share,
            is_expedited=self.is_expedited,
            is_security=self.is_security,
            memory=self.memory_bytes,
            disk=self.disk_bytes,
            avoid=frozenset(avoid.get(self.recipe_id, ())),
        )


def _read(profiles: Iterable[int]) -> tuple[list[_Row], list[_Row], int]:
    """Reads what has begun, and queued builds of the profiles, and counts those; of very many each share's first."""
    waits = Q(status=TaskStatus.QUEUED, profile__in=list(profiles))
    going = BuildTask.objects.filter(waits | Q(status__in=IN_PROGRESS)).order_by()
    rows = [_Row(*row) for row in going.values_list(*_FIELDS)[: LARGEST + 1]]
    if len(rows) <= LARGEST:
        waiting = [row for row in rows if row.status == TaskStatus.QUEUED]
        return [row for row in rows if row.status != TaskStatus.QUEUED], waiting, len(waiting)
    turn = Window(RowNumber(), partition_by=F("share"), order_by=FIRST)
    head = going.filter(waits).annotate(turn=turn).order_by("turn", "share").values_list(*_FIELDS)[:LARGEST]
    begun = BuildTask.objects.in_progress().values_list(*_FIELDS)
    return [_Row(*row) for row in begun], [_Row(*row) for row in head], going.filter(waits).count()


def _read_places() -> Mapping[int, tuple[str, int, datetime]]:
    """Reads where builds run, the second ones too, and since when."""
    tries = AttemptRef.objects.unsettled().filter(task__status__in=(TaskStatus.BUILDING, TaskStatus.VERIFYING))
    rows = tries.values_list("task", "builder", "slot", "created_at")
    return {task: (builder, slot, since) for task, builder, slot, since in rows}


def _read_needs(tasks: Sequence[int], *, is_all: bool) -> Mapping[int, list[int]]:
    """Reads whom builds wait for, published or not; `is_all` says that no others wait."""
    found: dict[int, list[int]] = {}
    edges = TaskEdge.objects.unmet().order_by().values_list("task", "needs")
    chunks = [tasks[start : start + _CHUNK] for start in range(0, len(tasks), _CHUNK)]
    parts = [edges.filter(task__status__in=OPEN)] if is_all else [edges.filter(task__in=chunk) for chunk in chunks]
    for part in parts:
        for task, need in part:
            found.setdefault(task, []).append(need)
    return found


def _work(
    row: _Row,
    ready: Ready,
    needs: Mapping[int, list[int]],
    places: Mapping[int, tuple[str, int, datetime]],
    experience: Experience,
    *,
    at: datetime,
) -> Work:
    place, running_for = places.get(row.pk), None
    if row.status in {TaskStatus.BUILDING, TaskStatus.VERIFYING}:
        since = place[2] if place is not None and row.status == TaskStatus.VERIFYING else row.started_at
        running_for = (at - since).total_seconds() if since else 0.0
    return Work(
        ready=ready,
        seconds=row.estimate_seconds,
        spread=experience.spread,
        needs=tuple(needs.get(row.pk, ())) if row.status == TaskStatus.QUEUED else (),
        rests_for=(row.not_before - at).total_seconds() if row.not_before is not None else 0.0,
        running_for=running_for,
        place=None if place is None else place[:2],
        is_built=row.status == TaskStatus.PUBLISHING,
    )


def _outlook(one: Forecast, row: _Row, *, at: datetime) -> Outlook:
    start = _range(one.start, at=at) if row.status == TaskStatus.QUEUED else None
    return Outlook(architecture=row.architecture, start=start, finish=_range(one.finish, at=at))


def _range(moment: Moment, *, at: datetime) -> Range:
    return Range(likely=at + timedelta(seconds=moment.likely), late=at + timedelta(seconds=moment.late))
