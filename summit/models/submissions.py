"""Submissions: who proposes which commit, and what a second person says of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from summit import permissions
from summit.models.repositories import Repository
from summit.models.tasks import Purpose
from summit.states import IllegalTransition, SubmissionStatus, TaskStatus

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


class SubmissionQuerySet(models.QuerySet["Submission"]):
    """Finds submissions."""

    def overdue(self, *, since: datetime) -> Self:
        """Narrows to those that were proposed before `since` and still wait for a second person, oldest first."""
        return self.in_review().filter(created_at__lte=since).order_by("pk")

    def forgotten(self) -> Self:
        """Narrows to decided ones with tasks that still wait for a decision: they joined while it was made."""
        decided = [SubmissionStatus.ACCEPTED, SubmissionStatus.REJECTED]
        return self.filter(status__in=decided, tasks__status=TaskStatus.IN_REVIEW).distinct().order_by("pk")

    def in_review(self) -> Self:
        """Narrows to those that wait for a second person."""
        return self.filter(status=SubmissionStatus.IN_REVIEW)

    def reviewable_by(self, user: permissions.Viewer) -> Self:
        """Narrows to those on which the user may decide: never their own."""
        return (
            self.in_review()
            .filter(repository__in=Repository.objects.reviewable_by(user))
            .exclude(author__isnull=False, author_id=getattr(user, "pk", None))
        )

    def markable_by(self, user: permissions.Viewer) -> Self:
        """Narrows to those of which the user may say whether they mend a vulnerability."""
        return self.filter(pk__in=permissions.markable(Submission.objects.all(), user).values("pk"))

    def visible_to(self, user: permissions.Viewer) -> Self:
        """Narrows to those of repositories that the user may see."""
        return self.filter(permissions.visible(user, "repository"))


class Submission(models.Model):
    """A commit whose changed recipes are to be built; its tasks say which recipes, and for which profiles.

    With `is_rebuild` a person (the author) wants builds of what is published already, at the commits of the tasks.
    """

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="submissions")
    commit = models.CharField(max_length=64)
    title = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)  # the commit's, its first 4,000 characters
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="submissions"
    )
    author_name = models.CharField(max_length=200, blank=True)
    author_email = models.CharField(max_length=254, blank=True)
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.OFFICIAL)
    is_rebuild = models.BooleanField(default=False)
    is_security = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=SubmissionStatus)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decision = models.TextField(blank=True)  # why, where no review says it: nobody decided in time

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["repository", "commit", "purpose"],
                condition=Q(is_rebuild=False),
                name="one_submission_a_commit_and_purpose",
            )
        ]

    def __str__(self) -> str:
        return self.title or self.commit[:12]

    def get_absolute_url(self) -> str:
        """Gives the page of this submission."""
        return reverse("summit:submission_detail", args=[self.pk])

    def decide(self, status: SubmissionStatus, *, at: datetime, sentence: str = "") -> None:
        """Ends the review; raises `IllegalTransition` when it has ended already."""
        decided = Submission.objects.filter(pk=self.pk, status=SubmissionStatus.IN_REVIEW)
        if not decided.update(status=status, decided_at=at, decision=sentence):
            raise IllegalTransition("the submission has been decided already")
        self.status, self.decided_at, self.decision = status, at, sentence

    def mark_security(self, *, is_security: bool) -> None:
        """Says whether it mends a vulnerability; raises `IllegalTransition` when that is said already."""
        if not Submission.objects.filter(pk=self.pk, is_security=not is_security).update(is_security=is_security):
            state = "marked as security already" if is_security else "not marked as security"
            raise IllegalTransition(f"the submission is {state}")
        self.is_security = is_security

    def can_mark_security(self, user: permissions.Viewer) -> bool:
        """Says whether the user may mark it as security, or take the mark away."""
        return permissions.can_mark_security(user, self)

    def can_review(self, user: permissions.Viewer) -> bool:
        """Says whether the user may decide on it."""
        return self.status == SubmissionStatus.IN_REVIEW and permissions.can_review(user, self)


class Verdict(models.TextChoices):
    """What a reviewer says."""

    APPROVE = "approve"
    REJECT = "reject"


class Review(models.Model):
    """One person's verdict on a submission."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(max_length=16, choices=Verdict)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["submission", "reviewer"], name="one_review_a_person_and_submission"),
            models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="review_verdict_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer}"

    @classmethod
    def give(
        cls, *, submission: Submission, reviewer: "User", verdict: Verdict, comment: str, at: datetime
    ) -> "Review":
        """Records a verdict."""
        return cls.objects.create(
            submission=submission, reviewer=reviewer, verdict=verdict, comment=comment, created_at=at
        )
