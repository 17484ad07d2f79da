"""What past builds teach: how long a recipe takes on an architecture."""

from collections.abc import Collection, Mapping
from statistics import median

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from summit.models import BuildTask
from summit.states import TaskStatus

DEFAULT_SECONDS = 60.0  # where nothing was ever built
_RECENT = 5  # builds of one recipe whose median counts
_TYPICAL = 200  # latest builds of all recipes whose median stands in for what was never built


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
