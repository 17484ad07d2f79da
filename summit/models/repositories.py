"""Repositories of recipes: where they come from, how fresh they are, and who may do what there."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from serpent_infra.git.commands import without_credentials
from summit import permissions
from summit.models.projects import Project
from summit.states import IllegalTransition, RefreshStatus

# A refresh that has not ended by then is asked for once more: if it was killed, whoever comes next takes over.
REFRESH_ABANDONED_AFTER = timedelta(seconds=60)
# A repository that fails is polled less and less often; a push or a person has it read at once all the same.
POLL_BACK_OFF = timedelta(seconds=30)
POLL_BACK_OFF_LIMIT = timedelta(minutes=15)
_MOST_DOUBLINGS = 10


class RepositoryQuerySet(models.QuerySet["Repository"]):
    """Finds repositories, and those that a person may act on."""

    def visible_to(self, user: permissions.Viewer) -> Self:
        """Narrows to those that the user may see."""
        return self.filter(permissions.visible(user))

    def pushable_by(self, user: permissions.Viewer) -> Self:
        """Narrows to those where the user's builds need no second person."""
        return self.filter(pk__in=permissions.repositories_with(Repository.objects.all(), user, permissions.PUSH))

    def reviewable_by(self, user: permissions.Viewer) -> Self:
        """Narrows to those where the user may be the second person."""
        return self.filter(pk__in=permissions.repositories_with(Repository.objects.all(), user, permissions.REVIEW))

    def manageable_by(self, user: permissions.Viewer) -> Self:
        """Narrows to those that the user may configure."""
        return self.filter(pk__in=permissions.repositories_with(Repository.objects.all(), user, permissions.MANAGE))

    def refresh_requested(self, *, at: datetime) -> Self:
        """Narrows to those asked for since their latest refresh began, or whose refresh never ended."""
        died = Q(status=RefreshStatus.REFRESHING, refresh_started_at__lte=at - REFRESH_ABANDONED_AFTER)
        return self.filter(died | Q(refresh_requested_at__isnull=False))

    def refresh_overdue(self, *, at: datetime, interval: timedelta) -> Self:
        """Narrows to those to be polled: asked for since, or older than `interval`; under way counts as fresh.

        One that failed lately rests until its `poll_after`.
        """
        under_way = Q(status=RefreshStatus.REFRESHING, refresh_started_at__gt=at - REFRESH_ABANDONED_AFTER)
        is_old = Q(refreshed_at__isnull=True) | Q(refreshed_at__lte=at - interval)
        has_rested = Q(poll_after__isnull=True) | Q(poll_after__lte=at)
        return self.filter((is_old & has_rested) | Q(refresh_requested_at__isnull=False)).exclude(under_way)

    def longest_unread_first(self) -> Self:
        """Puts those first that were never read, then those whose latest refresh is the oldest."""
        return self.order_by(F("refreshed_at").asc(nulls_first=True), "pk")


class Repository(models.Model):
    """A git repository of recipes.

    `commit` is the one that recipes were last read from; `error` says why the latest refresh failed, "" if it did not.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="repositories")
    slug = models.SlugField(max_length=60)
    description = models.CharField(max_length=200, blank=True)
    origin_uri = models.CharField(max_length=500)
    branch = models.CharField(max_length=200, default="main")
    is_private = models.BooleanField(default=False, help_text="Only people with a right on it see it.")
    needs_review = models.BooleanField(
        default=False, help_text="A change by somebody without the push right waits for a second person."
    )
    commit = models.CharField(max_length=64, blank=True, editable=False)
    commit_subject = models.CharField(max_length=200, blank=True, editable=False)
    commit_at = models.DateTimeField(null=True, blank=True, editable=False)
    readme = models.TextField(blank=True, editable=False)
    status = models.CharField(max_length=16, choices=RefreshStatus, default=RefreshStatus.FRESH, editable=False)
    error = models.TextField(blank=True, editable=False)
    refresh_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    refresh_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    refreshed_at = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)  # refreshes in a row
    poll_after = models.DateTimeField(null=True, blank=True, editable=False)
    warnings = models.JSONField(default=list, editable=False)  # [{"path", "text"}], what cannot be a recipe's row

    objects = RepositoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "repositories"
        permissions = [
            ("submit_build", "Can propose builds"),
            ("push_build", "Can have builds accepted without a second person"),
            ("review_build", "Can review proposed builds"),
            ("withdraw_packages", "Can withdraw published packages of recipes that are gone"),
            ("manage", "Can configure the repository"),
        ]
        constraints = [models.UniqueConstraint(fields=["project", "slug"], name="one_repository_of_a_slug_per_project")]

    def __str__(self) -> str:
        return f"{self.project.slug}/{self.slug}"

    def get_absolute_url(self) -> str:
        """Gives the page of this repository."""
        return reverse("summit:repository_detail", args=[self.project.slug, self.slug])

    @property
    def public_origin_uri(self) -> str:
        """The origin's address without the user name and password that it may hold."""
        return without_credentials(self.origin_uri)

    # Transitions

    def request_refresh(self, *, at: datetime) -> None:
        """Notes that a refresh is wanted; the note outlives a lost message and a refresh that is under way."""
        Repository.objects.filter(pk=self.pk).update(refresh_requested_at=at)
        self.refresh_requested_at = at

    def begin_refresh(self, *, at: datetime) -> None:
        """Takes the refresh for this process, from whoever began one and died; the caller holds the mirror's lock."""
        Repository.objects.filter(pk=self.pk).update(
            status=RefreshStatus.REFRESHING, refresh_started_at=at, refresh_requested_at=None
        )
        self.status, self.refresh_started_at = RefreshStatus.REFRESHING, at

    def finish_refresh(self, *, at: datetime, **read: object) -> None:
        """Keeps what was read (commit, readme, …) and the moment; raises `IllegalTransition` if it was taken over."""
        well = {"error": "", "failures": 0, "poll_after": None}
        self._end_refresh(status=RefreshStatus.IDLE, refreshed_at=at, **well, **read)

    def fail_refresh(self, *, at: datetime, error: str) -> None:
        """Keeps why the refresh failed beside the last good state; `IllegalTransition` if it was taken over."""
        rest = min(POLL_BACK_OFF * 2 ** min(self.failures, _MOST_DOUBLINGS), POLL_BACK_OFF_LIMIT)
        resting = {"failures": self.failures + 1, "poll_after": at + rest}
        self._end_refresh(status=RefreshStatus.FAILED, error=error, refreshed_at=at, **resting)

    def _end_refresh(self, **changes: object) -> None:
        ended = Repository.objects.filter(
            pk=self.pk, status=RefreshStatus.REFRESHING, refresh_started_at=self.refresh_started_at
        ).update(**changes)
        if not ended:
            raise IllegalTransition(f"another process took over the refresh of {self.slug}")
        for name, value in changes.items():
            setattr(self, name, value)

    # Questions

    def can_view(self, user: permissions.Viewer) -> bool:
        """Says whether the user may see it."""
        return not self.is_private or permissions.holds(user, permissions.VIEW, self)

    def can_push(self, user: permissions.Viewer) -> bool:
        """Says whether the user's builds need no second person."""
        return permissions.holds(user, permissions.PUSH, self)

    def can_submit(self, user: permissions.Viewer) -> bool:
        """Says whether the user may propose builds."""
        return permissions.holds(user, permissions.SUBMIT, self)

    def can_review(self, user: permissions.Viewer) -> bool:
        """Says whether the user may be the second person."""
        return permissions.holds(user, permissions.REVIEW, self)

    def can_withdraw(self, user: permissions.Viewer) -> bool:
        """Says whether the user may withdraw what is published of its recipes that are gone."""
        return permissions.holds(user, permissions.WITHDRAW, self)

    def can_manage(self, user: permissions.Viewer) -> bool:
        """Says whether the user may configure it, and ask for a refresh."""
        return permissions.holds(user, permissions.MANAGE, self)
