"""A builder's charts: CPU lines, memory and disk over the latest half hour, and when the disk will be full."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Subquery

from avalanche.models import Builder, HostSample
from serpent_infra.charts import donut, line_chart
from serpent_infra.words import amount, relative

WINDOW = timedelta(minutes=30)
MOST_SAMPLES = 360
MOST_CPU_LINES = 16  # beyond, neighbours are averaged into one line
TREND = timedelta(hours=24)
SHORTEST_TREND = timedelta(hours=1)  # of samples before a forecast is made


def of_builder(builder: Builder, sample: HostSample | None, *, at: datetime) -> dict[str, Any]:
    """Draws the charts of one builder; `sample` is its latest."""
    rows = list(builder.samples.since(at - WINDOW))
    samples = rows[:: max(1, len(rows) // MOST_SAMPLES)]
    moments = [row.at.timestamp() for row in samples]
    total = max((row.memory_used + row.memory_available for row in samples), default=0)
    return {
        "cpu": line_chart(
            moments=moments,
            series=_cpu_series(samples),
            top=100,
            marks=[(0, "0 %"), (50, "50 %"), (100, "100 %")],
        ),
        "memory": line_chart(
            moments=moments,
            series=[
                ("used", [row.memory_used for row in samples]),
                ("available", [row.memory_available for row in samples]),
            ],
            top=total,
            marks=[(0, "0"), (total / 2, amount(total / 2)), (total, amount(total))],
        ),
        "disk": donut(used=sample.disk_used, total=sample.disk_used + sample.disk_free) if sample else None,
        "full_in": time_to_full_disk(first_samples([builder], at=at).get(builder.pk), sample),
        "since": relative(rows[0].at, now=at) if rows else "",
    }


def first_samples(builders: Iterable[Builder], *, at: datetime) -> dict[int, HostSample]:
    """Gives the oldest sample of the latest day by builder, in two queries."""
    oldest = HostSample.objects.filter(builder=OuterRef("pk"), at__gte=at - TREND).order_by("at")
    keys = (
        Builder.objects.filter(pk__in=[builder.pk for builder in builders])
        .annotate(first=Subquery(oldest.values("pk")[:1]))
        .values_list("first", flat=True)
    )
    return {row.builder_id: row for row in HostSample.objects.filter(pk__in=[key for key in keys if key])}


def time_to_full_disk(first: HostSample | None, latest: HostSample | None) -> float | None:
    """Foretells in how many seconds the disk will be full; None while it does not fill, or too little is known."""
    if first is None or latest is None or latest.at - first.at < SHORTEST_TREND:
        return None
    growth = (latest.disk_used - first.disk_used) / (latest.at - first.at).total_seconds()
    return latest.disk_free / growth if growth > 0 else None


def _cpu_series(samples: list[HostSample]) -> list[tuple[str, list[float | None]]]:
    width = max((len(row.cpu_percent) for row in samples), default=0)
    group = -(-width // MOST_CPU_LINES) if width else 1
    series = []
    for first in range(0, width, group):
        last = min(first + group, width) - 1
        label = f"CPU {first}" if first == last else f"CPUs {first}–{last}"
        series.append((label, [_mean(row.cpu_percent[first : last + 1]) for row in samples]))
    return series


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
