"""What people did to a whole project or profile: one row each time somebody paused or resumed it, and why."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from summit.models.profiles import Profile
from summit.models.projects import Project

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


class Control(models.TextChoices):
    """What was done."""

    PAUSE = "pause", "Paused"
    RESUME = "resume", "Resumed"


class ControlEventQuerySet(models.QuerySet["ControlEvent"]):
    """Finds what people did."""

    def of(self, project: Project) -> Self:
        """Narrows to a project and its profiles, the newest first."""
        return self.filter(project=project).select_related("profile", "actor").order_by("-pk")


class ControlEvent(models.Model):
    """Somebody paused or resumed a project, or one `profile` of it; `sentence` says why, in their words."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="controls")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, null=True, blank=True, related_name="controls")
    action = models.CharField(max_length=16, choices=Control)
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    sentence = models.TextField(blank=True)

    objects = ControlEventQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(action__in=Control.values), name="control_is_known")]
        indexes = [models.Index(fields=["project", "-id"], name="control_of_project")]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.profile or self.project}"

    @classmethod
    def note(
        cls, subject: Project | Profile, action: Control, *, actor: "User | None", why: str, at: datetime
    ) -> "ControlEvent":
        """Records what was done to a project or a profile."""
        profile = subject if isinstance(subject, Profile) else None
        project = profile.project if profile is not None else subject
        return cls.objects.create(project=project, profile=profile, action=action, at=at, actor=actor, sentence=why)
