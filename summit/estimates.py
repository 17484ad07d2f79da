"""What past builds teach: how long a recipe takes on an architecture, and how much memory and disk."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from statistics import median

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from serpent_infra.wire.reports import FailureKind
from summit.models import AttemptRef, BuildTask
from summit.models.events import AttemptRefQuerySet
from summit.states import TaskStatus
from summit.suiting import Room

DEFAULT_SECONDS = 60.0  # where nothing was ever built
_RECENT = 5  # builds of one recipe whose median counts
_TYPICAL = 200  # latest builds of all recipes whose median stands in for what was never built
MARGIN = 1.25  # a build may take so many times what the most demanding of the recent ones took
SHORTAGE = 1.5  # and needs probably so many times what one had that ran out of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an attempt took, in bytes, None where it was not measured.

    `lacked` is the kind of a failure for want of memory or disk, else ""; `memory_limit` is what its slot had, 0 for no
    limit.
    """

    memory: int | None = None
    disk: int | None = None
    memory_limit: int = 0
    lacked: str = ""


def recorded(names: Collection[str], *, architecture: str) -> dict[str, float]:
    """Gives the median of each recipe's latest build times on an architecture, in seconds; unbuilt ones are absent."""
    return _medians(names, architectures=[architecture])


def expected(names: Collection[str], *, architecture: str) -> Mapping[str, float]:
    """Gives every recipe an expectation, in seconds.

    It is the recipe's own recent median on the architecture; else that on the others; else the median of what was
    built last on the architecture at all.
    """
    found = recorded(names, architecture=architecture)
    missing = [name for name in names if name not in found]
    if missing:
        elsewhere = _medians(missing, architectures=None)
        typical = _typical(architecture)
        found |= {name: elsewhere.get(name, typical) for name in missing}
    return found


def _medians(names: Collection[str], *, architectures: Collection[str] | None) -> dict[str, float]:
    rows = BuildTask.objects.filter(source_name__in=names, status=TaskStatus.COMPLETED, build_seconds__gt=0)
    if architectures is not None:
        rows = rows.filter(architecture__in=architectures)
    recent = rows.annotate(age=Window(RowNumber(), partition_by=[F("source_name")], order_by=F("pk").desc())).filter(
        age__lte=_RECENT
    )
    times: dict[str, list[float]] = {}
    for name, seconds in recent.values_list("source_name", "build_seconds"):
        if seconds is not None:
            times.setdefault(name, []).append(seconds)
    return {name: median(values) for name, values in times.items()}


def _typical(architecture: str) -> float:
    rows = BuildTask.objects.filter(architecture=architecture, status=TaskStatus.COMPLETED, build_seconds__gt=0)
    latest = [seconds for seconds in rows.order_by("-pk").values_list("build_seconds", flat=True)[:_TYPICAL] if seconds]
    return median(latest) if latest else DEFAULT_SECONDS


def learn(attempts: Iterable[Taken]) -> Room:
    """Concludes from the recent attempts of a recipe what a build of it takes at most; order does not matter.

    The most that any took, with a margin. One that ran out of something teaches that it takes more of that than it
    had, and nothing of the other: it did not come to its end.
    """
    memory = disk = 0.0
    for one in attempts:
        if one.lacked == FailureKind.OUT_OF_MEMORY:
            memory = max(memory, SHORTAGE * max(one.memory_limit, one.memory or 0))
        elif one.lacked == FailureKind.DISK_FULL:
            disk = max(disk, SHORTAGE * (one.disk or 0))
        elif not one.lacked:
            memory, disk = max(memory, MARGIN * (one.memory or 0)), max(disk, MARGIN * (one.disk or 0))
    return Room(memory=ceil(memory), disk=ceil(disk))


def room(names: Collection[str], *, architecture: str) -> dict[str, Room]:
    """Gives what each recipe's latest attempts on an architecture teach that it takes; untold ones are absent."""
    rows = AttemptRef.objects.filter(task__source_name__in=names, task__architecture=architecture)
    return {name: learn(taken) for (name, _), taken in _recent_attempts(rows).items()}


def taken_by(name: str) -> dict[str, list[Taken]]:
    """Gives the latest attempts of a recipe that teach what it takes, by architecture."""
    rows = AttemptRef.objects.filter(task__source_name=name)
    return {architecture: taken for (_, architecture), taken in _recent_attempts(rows).items()}


def _recent_attempts(rows: AttemptRefQuerySet) -> dict[tuple[str, str], list[Taken]]:
    place = ("task__source_name", "task__architecture")
    age = Window(RowNumber(), partition_by=[F(name) for name in place], order_by=F("pk").desc())
    recent = rows.telling().annotate(age=age).filter(age__lte=_RECENT)
    found: dict[tuple[str, str], list[Taken]] = {}
    fields = (*place, "memory_peak", "disk_peak", "memory_limit", "outcome", "failure_kind")
    for name, architecture, memory, disk, limit, outcome, kind in recent.values_list(*fields):
        lacked = "" if outcome == "succeeded" else kind
        one = Taken(memory=memory, disk=disk, memory_limit=limit, lacked=lacked)
        found.setdefault((name, architecture), []).append(one)
    return found
