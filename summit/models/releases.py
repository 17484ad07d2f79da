"""The history of a recipe: each version and release that git ever held of it, and the commit that brought it."""

from typing import Self

from django.db import models

from summit.models.recipes import Recipe


class ReleaseQuerySet(models.QuerySet["Release"]):
    """Finds releases."""

    def newest_first(self) -> Self:
        """Puts the newest commit first."""
        return self.order_by("-released_at", "-release", "pk")


class Release(models.Model):
    """A version and release, and the oldest commit on the branch's own line that has them."""

    recipe = models.ForeignKey(Recipe, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=128)
    release = models.PositiveBigIntegerField()
    commit = models.CharField(max_length=64)
    subject = models.CharField(max_length=200, blank=True)
    author_name = models.CharField(max_length=200, blank=True)
    author_email = models.CharField(max_length=254, blank=True)
    released_at = models.DateTimeField()

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recipe", "version", "release"], name="one_release_of_a_recipe")]

    def __str__(self) -> str:
        return f"{self.version}-{self.release}"
