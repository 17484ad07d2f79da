"""Measurements of builder machines, kept for a day."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from avalanche.models.builders import Builder
from serpent_infra.wire import builders as wire

RETENTION = timedelta(hours=24)
CLOSEST = timedelta(milliseconds=200)  # so that no guest can fill the table


class HostSampleQuerySet(models.QuerySet["HostSample"]):
    """Finds samples by time, and records new ones."""

    def record(self, *, builder: Builder, sample: wire.HostSample, at: datetime) -> None:
        """Keeps one measurement that a builder sent; one that follows too closely on another tells nothing new."""
        if self.filter(builder=builder, at__gt=at - CLOSEST).exists():
            return
        self.create(
            builder=builder,
            at=at,
            cpu_percent=list(sample.cpu_percent),
            load_1m=sample.load_1m,
            memory_used=sample.memory_used,
            memory_available=sample.memory_available,
            disk_used=sample.disk_used,
            disk_free=sample.disk_free,
        )

    def newest_of(self, builder: Builder) -> "HostSample | None":
        """Finds a builder's latest measurement, None before the first."""
        return self.filter(builder=builder).order_by("-at").first()

    def since(self, at: datetime) -> Self:
        """Narrows to samples from `at` on, oldest first: what a chart draws."""
        return self.filter(at__gte=at).order_by("at")

    def outlived(self, *, at: datetime) -> Self:
        """Narrows to samples older than the retention."""
        return self.filter(at__lt=at - RETENTION)


class HostSample(models.Model):
    """One measurement: percent per CPU, bytes of memory and disk."""

    builder = models.ForeignKey(Builder, on_delete=models.CASCADE, related_name="samples")
    at = models.DateTimeField()
    cpu_percent = models.JSONField()
    load_1m = models.FloatField()
    memory_used = models.PositiveBigIntegerField()
    memory_available = models.PositiveBigIntegerField()
    disk_used = models.PositiveBigIntegerField()
    disk_free = models.PositiveBigIntegerField()

    objects = HostSampleQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["builder", "-at"], name="samples_newest_first"),
            models.Index(fields=["at"], name="samples_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.builder_id} at {self.at:%H:%M:%S}"

    @property
    def cpu_mean(self) -> float:
        """Gives the mean load of all CPUs in percent."""
        return sum(self.cpu_percent) / len(self.cpu_percent) if self.cpu_percent else 0.0
