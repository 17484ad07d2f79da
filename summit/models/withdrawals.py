"""Withdrawals: somebody's word that the packages of a source shall leave a profile's stream, and what became of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q

from summit import permissions
from summit.models.profiles import Profile
from summit.models.repositories import Repository
from summit.states import IllegalTransition, WithdrawalStatus

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


class WithdrawalQuerySet(models.QuerySet["Withdrawal"]):
    """Finds withdrawals."""

    def pending(self) -> Self:
        """Narrows to those that are still to be done, the oldest first."""
        return self.filter(status=WithdrawalStatus.ORDERED).order_by("pk")

    def latest_first(self) -> Self:
        """Puts the newest first, with what a row of a list shows."""
        return self.select_related("profile__project", "repository", "actor").order_by("-pk")

    def visible_to(self, user: permissions.Viewer) -> Self:
        """Narrows to those of repositories that the user may see."""
        return self.filter(permissions.visible(user, "repository"))


class Withdrawal(models.Model):
    """What shall leave the stream of a profile, and why. Nobody assigns `status`.

    `repository` held the recipe; `packages` are the published packages that were looked at, as texts: where there is
    another by then, nothing leaves. `actor` is empty where the project's own setting did it. `removed` names what left,
    `problem` says why it was refused, or why it is not done yet.
    """

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="withdrawals")
    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="withdrawals")
    source_name = models.CharField(max_length=255)
    packages = models.JSONField(default=list)
    reason = models.CharField(max_length=300)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    status = models.CharField(max_length=16, choices=WithdrawalStatus, default=WithdrawalStatus.ORDERED)
    problem = models.TextField(blank=True)
    version = models.CharField(max_length=64, blank=True)
    removed = models.JSONField(default=list)
    ordered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = WithdrawalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=WithdrawalStatus.values), name="withdrawal_status_is_known"),
            models.UniqueConstraint(
                fields=["profile", "source_name"],
                condition=Q(status=WithdrawalStatus.ORDERED),
                name="one_open_withdrawal_of_a_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_name} from {self.profile}"

    @property
    def reference(self) -> str:
        """The name by which the repository of packages knows it."""
        return f"withdrawal-{self.pk}"

    @classmethod
    def order(
        cls,
        *,
        profile: Profile,
        repository: Repository,
        source_name: str,
        packages: list[str],
        reason: str,
        actor: "User | None",
        at: datetime,
    ) -> "Withdrawal":
        """Notes the word; `IntegrityError` where one of the same source is open."""
        with transaction.atomic():
            row = cls.objects.create(
                profile=profile,
                repository=repository,
                source_name=source_name,
                packages=packages,
                reason=reason,
                actor=actor,
                ordered_at=at,
            )
            row.events.create(at=at, target=WithdrawalStatus.ORDERED, actor=actor, sentence=reason)
        return row

    def finish(self, *, version: str, removed: list[str], at: datetime) -> None:
        """Notes in which version they left; `IllegalTransition` where that, or something else, is noted already."""
        sentence = f"{', '.join(removed) or 'nothing'} left in version {version}"
        self._end(WithdrawalStatus.DONE, at=at, sentence=sentence, version=version, removed=removed, problem="")

    def refuse(self, *, problem: str, at: datetime) -> None:
        """Notes why nothing left."""
        self._end(WithdrawalStatus.REFUSED, at=at, sentence=problem, problem=problem)

    def note_problem(self, problem: str) -> None:
        """Keeps why it is not done yet, where it is still to be done."""
        Withdrawal.objects.filter(pk=self.pk, status=WithdrawalStatus.ORDERED).update(problem=problem)

    def _end(self, target: WithdrawalStatus, *, at: datetime, sentence: str, **changes: object) -> None:
        changes |= {"status": target, "ended_at": at}
        with transaction.atomic():
            rows = Withdrawal.objects.filter(pk=self.pk, status=WithdrawalStatus.ORDERED)
            if not rows.update(**changes):
                raise IllegalTransition(f"the withdrawal of {self} is over already")
            self.events.create(at=at, source=WithdrawalStatus.ORDERED, target=target, sentence=sentence)
        self.refresh_from_db(fields=sorted(changes))


class WithdrawalEvent(models.Model):
    """One transition: who, why, when. `actor` is empty for what the system did."""

    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    source = models.CharField(max_length=16, choices=WithdrawalStatus, blank=True)
    target = models.CharField(max_length=16, choices=WithdrawalStatus)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    sentence = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.source or 'new'} → {self.target}"
