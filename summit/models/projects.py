"""Projects: a distribution, or a part of one, with its repositories and profiles."""

from typing import Self

from django.db import models
from django.db.models import Count, Q
from django.urls import reverse

from summit import permissions


class ProjectQuerySet(models.QuerySet["Project"]):
    """Finds projects."""

    def running(self) -> Self:
        """Narrows to those whose builds may be dispatched."""
        return self.filter(is_paused=False)

    def controllable_by(self, user: permissions.Viewer) -> Self:
        """Narrows to those that the user may pause and resume."""
        return self.filter(pk__in=permissions.controllable(Project.objects.all(), user).values("pk"))

    def with_counts(self) -> Self:
        """Adds `repository_count` and `recipe_count` (recipes that still exist)."""
        return self.annotate(
            repository_count=Count("repositories", distinct=True),
            recipe_count=Count(
                "repositories__recipes", filter=Q(repositories__recipes__removed_at=None), distinct=True
            ),
        )


class Project(models.Model):
    """A collection of recipe repositories, built for its profiles."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    is_paused = models.BooleanField(default=False, help_text="Nothing of this project is dispatched while it is set.")
    withdraws_after_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="So many days after a recipe is gone from git its packages are withdrawn by themselves, "
        "unless something depends on them. Empty: only people withdraw packages.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectQuerySet.as_manager()

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Gives the page of this project."""
        return reverse("summit:project_detail", args=[self.slug])

    def can_control(self, user: permissions.Viewer) -> bool:
        """Says whether the user may pause and resume it and its profiles."""
        return permissions.can_control(user, self)
