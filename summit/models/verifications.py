"""Second builds: what an attempt built is kept until a builder of another owner has built it as well."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q

from serpent_infra.accounts.models import User
from summit.models.events import AttemptRef
from summit.models.tasks import BuildTask
from summit.states import IllegalTransition, TaskStatus

NOBODY = 0  # the owner of builders that are nobody's in particular: all of them count as one owner's


class Finding(models.TextChoices):
    """What a verification came to; "" while it is open."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"  # no other builder could tell in time
    DROPPED = "dropped"  # the build ended otherwise, or nobody asks for a second one any more


class VerificationQuerySet(models.QuerySet["Verification"]):
    """Finds verifications by what is to be done about them."""

    def open(self) -> Self:
        """Narrows to those that are not decided: what their first attempts left is kept."""
        return self.filter(ended_at__isnull=True)

    def waiting(self, *, at: datetime) -> Self:
        """Narrows to those that a free slot may take now."""
        rested = Q(not_before__isnull=True) | Q(not_before__lte=at)
        return self.open().filter(rested, is_building=False, task__status=TaskStatus.VERIFYING)

    def running(self) -> Self:
        """Narrows to those whose second attempt is with a builder."""
        return self.open().filter(is_building=True, task__status=TaskStatus.VERIFYING)

    def latest_of(self, task: BuildTask) -> "Verification | None":
        """Gives a task's newest, with the attempts that it names."""
        return self.select_related("built", "second").filter(task=task).order_by("-pk").first()

    def with_task(self) -> Self:
        """Fetches along what settling one takes."""
        return self.select_related("built", "second", "task__recipe__repository__project", "task__profile__project")


class Verification(models.Model):
    """One build that is to be made twice.

    `built` is the attempt that built it first, for `owner`; `second` the newest that is to do the same, for another.
    An owner is the number of a person, their name is a copy. `until` is when a builder must have been found.
    """

    task = models.ForeignKey(BuildTask, on_delete=models.CASCADE, related_name="verifications")
    built = models.ForeignKey(AttemptRef, on_delete=models.CASCADE, related_name="+")
    owner = models.PositiveBigIntegerField()
    owner_name = models.CharField(max_length=150, blank=True)
    second = models.ForeignKey(AttemptRef, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    second_owner = models.PositiveBigIntegerField(null=True, blank=True)
    second_owner_name = models.CharField(max_length=150, blank=True)
    is_building = models.BooleanField(default=False)
    failures = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    began_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    finding = models.CharField(max_length=16, choices=Finding, blank=True)

    objects = VerificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["task"], condition=Q(ended_at__isnull=True), name="one_open_verification_a_task"
            ),
            # Not only the scheduler: nobody confirms what they built themselves.
            models.CheckConstraint(
                condition=Q(second_owner__isnull=True) | ~Q(second_owner=F("owner")), name="second_build_by_another"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, finding="") | (Q(ended_at__isnull=False) & ~Q(finding="")),
                name="ended_verification_has_a_finding",
            ),
        ]
        indexes = [
            models.Index(fields=["owner"], condition=Q(ended_at__isnull=True), name="verification_open"),
            models.Index(fields=["built"], condition=Q(ended_at__isnull=True), name="verification_keeps"),
        ]

    def __str__(self) -> str:
        return f"second build of {self.task}"

    @classmethod
    def begin(cls, *, built: AttemptRef, owner: int, at: datetime, patience: timedelta) -> Self:
        """Keeps what an attempt built until it is built a second time."""
        return cls.objects.create(
            task=built.task, built=built, owner=owner, owner_name=name_of(owner), began_at=at, until=at + patience
        )

    def give(self, *, owner: int) -> None:
        """Takes it for a slot of an owner, before the attempt is made; `IllegalTransition` when another slot has it."""
        changes = {"is_building": True, "second_owner": owner, "second_owner_name": name_of(owner), "second": None}
        self._change(Q(is_building=False), changes)

    def note_second(self, second: AttemptRef) -> None:
        """Notes the attempt that it was taken for."""
        self._change(Q(is_building=True), {"second": second})

    def rest(self, *, not_before: datetime) -> None:
        """Lets it wait for another builder, from a moment on: the machines let this one down."""
        changes = {"is_building": False, "not_before": not_before, "failures": self.failures + 1}
        self._change(Q(is_building=True), changes)

    def end(self, finding: Finding, *, at: datetime) -> None:
        """Ends it; `IllegalTransition` when it has ended already."""
        self._change(Q(), {"finding": finding, "ended_at": at, "is_building": False})

    def _change(self, guard: Q, changes: dict[str, object]) -> None:
        if not Verification.objects.open().filter(guard, pk=self.pk).update(**changes):
            raise IllegalTransition(f"the {self} was decided, or taken by another, meanwhile")
        for name, value in changes.items():
            setattr(self, name, value)

    @property
    def first_place(self) -> str:
        """Says who built it first: builder and owner."""
        return _place(self.built.builder, self.owner_name)

    @property
    def second_place(self) -> str:
        """Says who built it a second time, "" where nobody has yet."""
        return "" if self.second is None else _place(self.second.builder, self.second_owner_name)


def name_of(owner: int) -> str:
    """Gives an owner's name as it is now; "" for nobody in particular."""
    if owner == NOBODY:
        return ""
    return User.objects.filter(pk=owner).values_list("username", flat=True).first() or ""


def _place(builder: str, owner: str) -> str:
    return f"{builder} of {owner}" if owner else builder
