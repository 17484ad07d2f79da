"""What happened to a task: one row a transition, and one a try."""

from datetime import datetime
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q

from serpent_infra.wire.reports import FailureKind
from summit.models.tasks import BuildTask, Purpose
from summit.states import TaskStatus

# Failures for want of what a slot has too little of: they teach that a build takes more.
SHORTAGES = (FailureKind.OUT_OF_MEMORY.value, FailureKind.DISK_FULL.value)


class TaskEvent(models.Model):
    """One transition: who, why, when. `actor` is empty for what the system decided."""

    task = models.ForeignKey(BuildTask, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    source = models.CharField(max_length=16, choices=TaskStatus, blank=True)
    target = models.CharField(max_length=16, choices=TaskStatus)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    sentence = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["task", "at"], name="event_of_task")]

    def __str__(self) -> str:
        return f"{self.source or 'new'} → {self.target}"


class AttemptRefQuerySet(models.QuerySet["AttemptRef"]):
    """Finds tries."""

    def unsettled(self) -> Self:
        """Narrows to those whose consequences are not committed."""
        return self.filter(settled_at__isnull=True)

    def telling(self) -> Self:
        """Narrows to those that teach what a build takes: built and measured, or ended for want of it."""
        measured = Q(memory_peak__isnull=False) | Q(disk_peak__isnull=False)
        return self.filter(Q(measured, outcome="succeeded") | Q(failure_kind__in=SHORTAGES))


class AttemptRef(models.Model):
    """One try of a task: names the attempt by the id that its builder's side knows it by.

    `import_reference` names the import that publishes its artefacts, "" until it is ordered.
    """

    task = models.ForeignKey(BuildTask, on_delete=models.CASCADE, related_name="attempts")
    attempt = models.UUIDField(unique=True)
    number = models.PositiveIntegerField()
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.OFFICIAL)
    builder = models.CharField(max_length=63)
    slot = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, blank=True)
    failure_kind = models.CharField(max_length=32, blank=True)
    failure_message = models.TextField(blank=True)
    memory_peak = models.PositiveBigIntegerField(null=True, blank=True)  # bytes it held at most, where measured
    memory_limit = models.PositiveBigIntegerField(default=0)  # bytes that its slot had, 0: no limit
    disk_peak = models.PositiveBigIntegerField(null=True, blank=True)
    import_reference = models.CharField(max_length=64, blank=True)
    is_second = models.BooleanField(default=False)  # it is to build what another attempt of the task built

    objects = AttemptRefQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "number"], name="attempts_are_numbered"),
            models.UniqueConstraint(
                fields=["task"], condition=Q(settled_at__isnull=True), name="one_unsettled_attempt_a_task"
            ),
            models.UniqueConstraint(
                fields=["import_reference"], condition=~Q(import_reference=""), name="one_attempt_an_import"
            ),
        ]
        indexes = [models.Index(fields=["settled_at"], name="attempt_settled")]

    def __str__(self) -> str:
        return f"attempt {self.number} on {self.builder}"

    @classmethod
    def make(
        cls, *, task: BuildTask, attempt: UUID, builder: str, slot: int, at: datetime, is_second: bool = False
    ) -> "AttemptRef":
        """Notes the try that a task was just started for."""
        return cls.objects.create(
            task=task,
            attempt=attempt,
            number=task.attempt_count,
            purpose=task.purpose,
            builder=builder,
            slot=slot,
            created_at=at,
            is_second=is_second,
        )

    def settle(
        self,
        *,
        outcome: str,
        failure_kind: str = "",
        failure_message: str = "",
        memory_peak: int | None = None,
        memory_limit: int = 0,
        disk_peak: int | None = None,
        at: datetime,
    ) -> bool:
        """Notes that its consequences are committed, and what it took in bytes; False when they were already."""
        settled = AttemptRef.objects.filter(pk=self.pk, settled_at__isnull=True).update(
            settled_at=at,
            outcome=outcome,
            failure_kind=failure_kind,
            failure_message=failure_message,
            memory_peak=memory_peak,
            memory_limit=memory_limit,
            disk_peak=disk_peak,
        )
        return bool(settled)
