"""Attempts: one try of a build on one slot, its lease, its transitions, and a row for each of them."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import msgspec
from django.db import models, transaction

from avalanche.models.builders import Builder, Slot
from avalanche.states import CLOSED, OPEN, SOURCES, AttemptState, IllegalTransition
from avalanche.statuses import Tier
from serpent_infra.wire.orders import BuildOrder, BuildPurpose
from serpent_infra.wire.reports import FailureKind, MemoryMethod

if TYPE_CHECKING:
    from avalanche.models.reports import Report


class AttemptQuerySet(models.QuerySet["Attempt"]):
    """Finds attempts by what is to be done about them."""

    def open(self) -> Self:
        """Narrows to attempts that may still bring a report."""
        return self.filter(status__in=OPEN)

    def closed(self) -> Self:
        """Narrows to attempts that have ended."""
        return self.filter(status__in=CLOSED)

    def running_on(self, builder: Builder, slots: tuple[int, ...]) -> Self:
        """Narrows to what runs on these slots of a builder."""
        return self.filter(status=AttemptState.RUNNING, builder=builder, slot__index__in=slots)

    def unanswered(self, *, since: datetime) -> Self:
        """Narrows to offers made before `since` that nobody has claimed."""
        return self.filter(status=AttemptState.OFFERED, offered_at__lte=since)

    def unclaimed(self, *, at: datetime) -> Self:
        """Narrows to offers whose deadline has passed."""
        return self.filter(status=AttemptState.OFFERED, claim_deadline__lte=at)

    def silent(self, *, at: datetime) -> Self:
        """Narrows to running attempts whose lease has run out."""
        return self.filter(status=AttemptState.RUNNING, lease_expires_at__lte=at)

    def overdue(self, *, at: datetime) -> Self:
        """Narrows to running attempts that are past their wall limit."""
        return self.filter(status=AttemptState.RUNNING, must_end_by__lte=at)

    def deaf(self, *, since: datetime) -> Self:
        """Narrows to running attempts that were asked before `since` to end and have not."""
        return self.filter(status=AttemptState.RUNNING, cancel_requested_at__lte=since)

    def unsettled(self, reply_to: str | None = None) -> Self:
        """Narrows to ended attempts whose end the asker has not acknowledged, oldest first."""
        asked = {} if reply_to is None else {"reply_to": reply_to}
        return self.closed().filter(settled_at__isnull=True, **asked).order_by("ended_at", "pk")

    def droppable(self) -> Self:
        """Narrows to attempts that left something on their builder which nobody wants any more."""
        unwanted = models.Q(released_at__isnull=False) | ~models.Q(status=AttemptState.SUCCEEDED)
        return self.closed().filter(unwanted, started_at__isnull=False, dropped_at__isnull=True)

    def with_parts(self) -> Self:
        """Reads builder, slot and report along."""
        return self.select_related("builder", "slot", "report")

    def latest_first(self) -> Self:
        """Orders by offer, the newest first: how pages list attempts."""
        return self.order_by("-offered_at", "pk")


class Attempt(models.Model):
    """One try of a build on one slot. `task` is the asker's own reference, `reply_to` the task to ring at the end."""

    id = models.UUIDField(primary_key=True, editable=False)
    task = models.CharField(max_length=200, db_index=True)
    reply_to = models.CharField(max_length=200)
    title = models.CharField(max_length=300)
    purpose = models.CharField(max_length=16, choices=[(purpose.value, purpose.value) for purpose in BuildPurpose])
    builder = models.ForeignKey(Builder, on_delete=models.PROTECT, related_name="attempts")
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="attempts")
    tier = models.CharField(max_length=16, choices=[(tier.value, tier.value) for tier in Tier])  # when it was offered
    order_body = models.JSONField()
    status = models.CharField(max_length=16, choices=AttemptState.choices, default=AttemptState.OFFERED)
    epoch = models.PositiveIntegerField(default=0)
    offered_at = models.DateTimeField()
    claim_deadline = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    must_end_by = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    phase = models.CharField(max_length=100, blank=True)
    isolation = models.CharField(max_length=100, blank=True)
    log_size = models.PositiveBigIntegerField(default=0)
    failure_kind = models.CharField(max_length=32, blank=True)
    failure_message = models.TextField(blank=True)
    memory_peak = models.PositiveBigIntegerField(null=True)  # bytes held at once at most, as the builder measured them
    memory_method = models.CharField(
        max_length=16, choices=[(method.value, method.value) for method in MemoryMethod], blank=True
    )
    disk_peak = models.PositiveBigIntegerField(null=True)
    settled_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["slot"], condition=models.Q(status__in=sorted(OPEN)), name="one_open_attempt_per_slot"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=sorted(OPEN), ended_at__isnull=True)
                | models.Q(status__in=sorted(CLOSED), ended_at__isnull=False),
                name="attempt_has_an_end_when_closed",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=AttemptState.RUNNING)
                | models.Q(epoch__gte=1, lease_expires_at__isnull=False, started_at__isnull=False),
                name="running_attempt_has_a_lease",
            ),
            models.CheckConstraint(
                condition=~models.Q(purpose=BuildPurpose.OFFICIAL.value) | models.Q(tier=Tier.OFFICIAL.value),
                name="official_attempt_runs_on_official_builder",
            ),
        ]
        indexes = [
            models.Index(fields=["builder", "-offered_at"], name="attempts_of_a_builder"),
            models.Index(fields=["ended_at"], condition=models.Q(settled_at__isnull=True), name="attempts_to_settle"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.id})"

    @classmethod
    def offer(
        cls, *, order: BuildOrder, task: str, reply_to: str, slot: Slot, at: datetime, patience: timedelta
    ) -> Self:
        """Makes an attempt in state *offered* on a slot; the database refuses a second open one there."""
        attempt = cls.objects.create(
            id=order.attempt,
            task=task,
            reply_to=reply_to,
            title=order.title,
            purpose=order.purpose.value,
            builder=slot.builder,
            slot=slot,
            tier=slot.builder.tier,
            order_body=msgspec.to_builtins(order),
            offered_at=at,
            claim_deadline=at + patience,
        )
        attempt.events.create(at=at, target=AttemptState.OFFERED, note=f"offered to {slot}")
        return attempt

    def claim(self, *, at: datetime, lease: timedelta) -> None:
        """Hands the attempt over to its slot's worker: a new epoch and a lease."""
        self._move(
            AttemptState.RUNNING,
            at=at,
            note="claimed",
            epoch=self.epoch + 1,
            started_at=at,
            lease_expires_at=at + lease,
            must_end_by=at + timedelta(seconds=self.order.limits.wall_seconds),
        )

    def renew(self, *, epoch: int, phase: str, log_size: int, at: datetime, lease: timedelta) -> None:
        """Prolongs the lease; raises `IllegalTransition` when it is not this epoch's any more."""
        changes = {"lease_expires_at": at + lease, "phase": phase, "log_size": log_size}
        rows = type(self).objects.filter(pk=self.pk, status=AttemptState.RUNNING, epoch=epoch).update(**changes)
        if not rows:
            raise IllegalTransition(f"attempt {self.pk} is not running under epoch {epoch}")
        self._assign(changes)

    def request_cancel(self, *, at: datetime) -> None:
        """Asks a running attempt to end; its builder learns of it at the next renewal. Repeating changes nothing."""
        running = type(self).objects.filter(pk=self.pk, status=AttemptState.RUNNING)
        if running.filter(cancel_requested_at__isnull=True).update(cancel_requested_at=at):
            self.cancel_requested_at = at
        elif not running.exists():
            raise IllegalTransition(f"attempt {self.pk} is not running")

    def succeed(self, *, at: datetime, note: str = "reported") -> None:
        """Ends the attempt well."""
        self._move(AttemptState.SUCCEEDED, at=at, note=note, ended_at=at)

    def fail(self, *, kind: FailureKind, message: str, at: datetime) -> None:
        """Ends the attempt by a failure of a named kind."""
        self._move(
            AttemptState.FAILED, at=at, note=message, ended_at=at, failure_kind=kind.value, failure_message=message
        )

    def cancel(self, *, at: datetime, note: str = "cancelled") -> None:
        """Ends the attempt because its asker wants it no more."""
        self._move(AttemptState.CANCELLED, at=at, note=note, ended_at=at)

    def lose(self, *, message: str, at: datetime) -> None:
        """Ends a running attempt of which nothing more is heard; the epoch moves on, so that late words are stale."""
        self._move(
            AttemptState.LOST,
            at=at,
            note=message,
            epoch=self.epoch + 1,
            ended_at=at,
            failure_kind=FailureKind.BUILDER_LOST.value,
            failure_message=message,
        )

    def expire(self, *, message: str, at: datetime) -> None:
        """Ends an offer that nobody took."""
        kind = FailureKind.BUILDER_LOST
        self._move(
            AttemptState.EXPIRED, at=at, note=message, ended_at=at, failure_kind=kind.value, failure_message=message
        )

    def record(
        self,
        *,
        isolation: str,
        log_size: int,
        memory_peak: int | None = None,
        memory_method: str = "",
        disk_peak: int | None = None,
    ) -> None:
        """Keeps what the report tells beside the outcome; peaks in bytes, None where nobody measured."""
        changes = {
            "isolation": isolation,
            "log_size": log_size,
            "memory_peak": memory_peak,
            "memory_method": memory_method,
            "disk_peak": disk_peak,
        }
        type(self).objects.filter(pk=self.pk).update(**changes)
        self._assign(changes)

    def settle(self, *, at: datetime) -> None:
        """Notes that the asker has committed what follows from the end. Idempotent."""
        if type(self).objects.closed().filter(pk=self.pk, settled_at__isnull=True).update(settled_at=at):
            self.settled_at = at

    def release(self, *, at: datetime) -> None:
        """Lets the builder drop the artefacts. Idempotent."""
        if type(self).objects.filter(pk=self.pk, released_at__isnull=True).update(released_at=at):
            self.released_at = at

    def note_dropped(self, *, at: datetime) -> None:
        """Notes that nothing of the attempt is left on its builder. Idempotent; others than droppable ones stay."""
        if type(self).objects.droppable().filter(pk=self.pk).update(dropped_at=at):
            self.dropped_at = at

    @property
    def order(self) -> BuildOrder:
        """Gives the order as it was offered."""
        return msgspec.convert(self.order_body, BuildOrder)

    @property
    def sent_report(self) -> "Report | None":
        """Gives what the builder reported, None where it has not, or not yet."""
        return getattr(self, "report", None)

    @property
    def is_open(self) -> bool:
        """Says whether the attempt may still bring a report."""
        return self.status in OPEN

    def _move(self, target: AttemptState, *, at: datetime, note: str, **changes: Any) -> None:  # noqa: ANN401 - columns
        """Moves the row from the state in which it was read, or raises `IllegalTransition` and changes nothing."""
        source = AttemptState(self.status)
        if source not in SOURCES[target]:
            raise IllegalTransition(f"attempt {self.pk} is {source} and cannot become {target}")
        with transaction.atomic():
            still_there = type(self).objects.filter(pk=self.pk, status=source, epoch=self.epoch)
            if not still_there.update(status=target, **changes):
                raise IllegalTransition(f"attempt {self.pk} is {source} no longer and cannot become {target}")
            self.events.create(at=at, source=source, target=target, note=note)
        self._assign({"status": target, **changes})

    def _assign(self, changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            setattr(self, name, value)


class AttemptEvent(models.Model):
    """One transition of an attempt: when, from what, to what, and why."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    source = models.CharField(max_length=16, choices=AttemptState.choices, blank=True)
    target = models.CharField(max_length=16, choices=AttemptState.choices)
    note = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.source or 'nothing'} → {self.target}"
