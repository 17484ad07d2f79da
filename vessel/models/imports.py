"""Imports: one order to take artefacts in, how far it has come, and what happened to it."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models, transaction

from vessel.models.channels import Stream
from vessel.models.stones import Stone
from vessel.models.versions import Version
from vessel.states import CLOSED, IN_PROGRESS, OPEN, SOURCES, IllegalTransition, ImportStatus

REFERENCE_LIMIT = 200
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
MOST_TRIES = 10  # with these pauses, about a quarter of an hour


class ImportQuerySet(models.QuerySet["Import"]):
    """Finds imports by what is to be done about them."""

    def open(self) -> Self:
        """Narrows to imports still under way, oldest first."""
        return self.filter(status__in=OPEN).order_by("pk")

    def closed(self) -> Self:
        """Narrows to imports that have ended."""
        return self.filter(status__in=CLOSED)

    def unsettled(self) -> Self:
        """Narrows to closed imports whose asker has not acknowledged them, oldest first."""
        return self.closed().filter(settled_at__isnull=True).order_by("pk")

    def asked_by(self, reply_to: str) -> Self:
        """Narrows to the imports of one asker, known by the task it wants rung."""
        return self.filter(reply_to=reply_to)

    def ready(self, stream: Stream) -> Self:
        """Narrows to the verified imports of a stream that no version holds yet, oldest first."""
        return self.filter(
            stream=stream, status=ImportStatus.VERIFYING, verified_at__isnull=False, version__isnull=True
        ).order_by("pk")

    def overdue(self, *, since: datetime) -> Self:
        """Narrows to imports ordered before `since` whose stones are still not in the pool, oldest first."""
        return self.open().filter(requested_at__lte=since, verified_at__isnull=True, version__isnull=True)

    def due(self, *, at: datetime, silent_for: timedelta) -> Self:
        """Narrows to open imports to be rung: their pause is over, and nobody rang or touched them lately."""
        return self.open().filter(models.Q(retry_at__isnull=True) | models.Q(retry_at__lte=at)).filter(
            rung_at__lt=at - silent_for, updated_at__lt=at - silent_for
        ) | self.open().filter(retry_at__lte=at, rung_at__lt=models.F("retry_at"))


class Import(models.Model):
    """One order of somebody who knows it as `reference`, with the task to ring when it has ended."""

    reference = models.CharField(max_length=REFERENCE_LIMIT, unique=True)
    reply_to = models.CharField(max_length=100)
    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="imports")
    order = models.JSONField()  # `vessel.orders.ImportOrder`
    status = models.CharField(max_length=10, choices=ImportStatus.choices, default=ImportStatus.REQUESTED)
    problem = models.TextField(blank=True)  # why it was refused, or why it waits for another try
    is_infrastructure_problem = models.BooleanField(default=False)
    tries = models.PositiveIntegerField(default=0)  # that disk or network ended
    retry_at = models.DateTimeField(null=True)
    rung_at = models.DateTimeField()  # when a task was last rung for it: vessel's while open, the asker's once closed
    stones = models.ManyToManyField(Stone, related_name="imports")
    removed = models.JSONField(default=list)  # names of the packages that left with it: the build made them no more
    version = models.ForeignKey(Version, on_delete=models.PROTECT, null=True, related_name="imports")
    requested_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=ImportStatus.values), name="import_status_is_known"),
            models.CheckConstraint(
                condition=models.Q(status__in=sorted(CLOSED), closed_at__isnull=False)
                | models.Q(status__in=sorted(OPEN), closed_at__isnull=True),
                name="closed_imports_have_an_end",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=ImportStatus.PUBLISHED) | models.Q(version__isnull=False),
                name="published_imports_name_their_version",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=ImportStatus.REFUSED) | ~models.Q(problem=""),
                name="refused_imports_say_why",
            ),
            models.CheckConstraint(
                condition=models.Q(settled_at__isnull=True) | models.Q(closed_at__isnull=False),
                name="only_closed_imports_are_settled",
            ),
        ]
        indexes = [
            models.Index(fields=["status"], name="imports_by_status"),
            models.Index(fields=["reply_to"], condition=models.Q(settled_at__isnull=True), name="imports_to_settle"),
        ]

    def __str__(self) -> str:
        return self.reference

    @classmethod
    def request(
        cls, *, reference: str, reply_to: str, stream: Stream, order: dict[str, Any], at: datetime
    ) -> tuple[Self, bool]:
        """Makes an import in state *requested*, or gives the one of that reference; says whether it is new."""
        with transaction.atomic():
            subject, is_new = cls.objects.get_or_create(
                reference=reference,
                defaults={
                    "reply_to": reply_to,
                    "stream": stream,
                    "order": order,
                    "rung_at": at,
                    "requested_at": at,
                    "updated_at": at,
                },
            )
            if is_new:
                ImportEvent.objects.create(subject=subject, to_status=ImportStatus.REQUESTED, happened_at=at)
        return subject, is_new

    def start(self, *, at: datetime) -> None:
        """Begins to fetch."""
        self._move(ImportStatus.FETCHING, at=at, problem="", retry_at=None)

    def verify(self, *, at: datetime) -> None:
        """Notes that all files have been fetched with the declared hashes."""
        self._move(ImportStatus.VERIFYING, at=at)

    def note_verified(self, *, at: datetime) -> None:
        """Notes that its stones are checked and in the pool: the next version of its stream may take them."""
        if not Import.objects.filter(pk=self.pk, status=ImportStatus.VERIFYING).update(verified_at=at, updated_at=at):
            raise IllegalTransition(f"import {self.reference} is {self.status}, it cannot be noted as verified")
        self.refresh_from_db()

    def publish(self, *, version: Version, at: datetime) -> None:
        """Closes it: the version that holds its stones is complete."""
        self._move(
            ImportStatus.PUBLISHED, at=at, message=str(version), version=version, problem="", closed_at=at, rung_at=at
        )

    def refuse(self, *, problem: str, is_infrastructure_problem: bool = False, at: datetime) -> None:
        """Closes it for good, with the sentence that says why."""
        self._move(
            ImportStatus.REFUSED,
            at=at,
            message=problem,
            problem=problem,
            is_infrastructure_problem=is_infrastructure_problem,
            closed_at=at,
            rung_at=at,
        )

    def defer(self, *, problem: str, at: datetime) -> None:
        """Puts it back after a failure of disk or network, to be tried again after a pause that doubles each time.

        After the last try it is refused instead, as an infrastructure problem.
        """
        if self.tries + 1 >= MOST_TRIES:
            self.refuse(problem=f"{problem} (tried {MOST_TRIES} times)", is_infrastructure_problem=True, at=at)
            return
        pause = min(FIRST_PAUSE * 2**self.tries, LONGEST_PAUSE)
        self._move(
            ImportStatus.REQUESTED,
            at=at,
            message=problem,
            problem=problem,
            tries=self.tries + 1,
            retry_at=at + pause,
            verified_at=None,
        )

    def note_rung(self, *, at: datetime) -> bool:
        """Notes that a task was rung for it; says whether this caller was the one to note it."""
        return bool(Import.objects.filter(pk=self.pk, rung_at=self.rung_at).update(rung_at=at))

    def acknowledge(self, *, at: datetime) -> None:
        """Notes that the asker has committed the consequences; once is enough."""
        Import.objects.unsettled().filter(pk=self.pk).update(settled_at=at)
        self.refresh_from_db(fields=["settled_at"])

    def _move(self, target: ImportStatus, *, at: datetime, message: str = "", **changes: object) -> None:
        with transaction.atomic():
            source = ImportStatus(self.status)
            moved = source in SOURCES[target] and Import.objects.filter(pk=self.pk, status=source).update(
                status=target, updated_at=at, **changes
            )
            if not moved:
                raise IllegalTransition(f"import {self.reference} is {self.status}, it cannot become {target}")
            ImportEvent.objects.create(
                subject=self, from_status=source, to_status=target, message=message, happened_at=at
            )
        self.refresh_from_db()

    @property
    def is_open(self) -> bool:
        """Says whether it is still under way."""
        return self.status in OPEN

    @property
    def is_in_progress(self) -> bool:
        """Says whether a worker has begun on it."""
        return self.status in IN_PROGRESS


class ImportEvent(models.Model):
    """One row a transition of an import."""

    subject = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="events")
    from_status = models.CharField(max_length=10, choices=ImportStatus.choices, blank=True)
    to_status = models.CharField(max_length=10, choices=ImportStatus.choices)
    message = models.TextField(blank=True)
    happened_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"
