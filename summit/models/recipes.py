"""Recipes as last read from git, and what they provide and depend on."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from serpent_infra.formats.dependency import Capability, Kind
from summit import permissions
from summit.models.repositories import Repository
from summit.needs import Usage

KINDS = [(kind.value, kind.label) for kind in Kind]


class RecipeQuerySet(models.QuerySet["Recipe"]):
    """Finds recipes."""

    def existing(self) -> Self:
        """Leaves out those that are gone from their repository."""
        return self.filter(removed_at__isnull=True)

    def buildable(self) -> Self:
        """Narrows to those that exist, were readable at least once, and have their name to themselves."""
        return self.existing().filter(release__gt=0, conflict="")

    def broken(self) -> Self:
        """Narrows to those whose newest state does not parse, or whose name is taken."""
        return self.existing().exclude(error="", conflict="")

    def visible_to(self, user: permissions.Viewer) -> Self:
        """Narrows to those of repositories that the user may see."""
        return self.filter(permissions.visible(user, "repository"))

    def search(self, text: str) -> Self:
        """Narrows to those whose name, packages or summary hold the text."""
        return (
            self.existing()
            .filter(Q(name__icontains=text) | Q(summary__icontains=text) | Q(providers__package__icontains=text))
            .distinct()
        )

    def providing(self, capability: Capability) -> Self:
        """Narrows to those with a package that provides a capability."""
        return self.existing().filter(
            pk__in=Provider.objects.filter(kind=capability.kind, target=capability.target).values("recipe")
        )


class Recipe(models.Model):
    """One `stone.yaml`. All columns but the `error` ones are its last good state; `release` 0 says there is none.

    `commit` is the newest that changed the recipe's directory, so its content there is its content now. `conflict` says
    why it is not built although it can be read: another recipe of the project had its name first.
    """

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="recipes")
    path = models.CharField(max_length=1024)
    name = models.CharField(max_length=255)
    version = models.CharField(max_length=128, blank=True)
    release = models.PositiveBigIntegerField(default=0)
    summary = models.TextField(blank=True)
    description = models.TextField(blank=True)
    homepage = models.CharField(max_length=1000, blank=True)
    licences = models.JSONField(default=list)
    upstreams = models.JSONField(default=list)  # [{"uri", "kind": "archive"|"git", "hash"|"ref"}]
    packages = models.JSONField(default=list)  # [{"name", "summary"}]
    package_names = models.JSONField(default=list)  # every name that a build of it may give a package, sorted
    architectures = models.JSONField(default=list)
    warnings = models.JSONField(default=list)  # [{"text", "line", "column"}]
    has_networking = models.BooleanField(default=False)
    manifests = models.JSONField(default=list)  # architectures whose manifest was read
    commit = models.CharField(max_length=64, blank=True)
    commit_subject = models.CharField(max_length=200, blank=True)
    commit_message = models.TextField(blank=True)  # its first 4,000 characters
    author_name = models.CharField(max_length=200, blank=True)
    author_email = models.CharField(max_length=254, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    blob = models.CharField(max_length=64, blank=True)
    tree = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    error_line = models.PositiveIntegerField(null=True, blank=True)
    error_column = models.PositiveIntegerField(null=True, blank=True)
    error_commit = models.CharField(max_length=64, blank=True)
    conflict = models.TextField(blank=True)
    claims = models.JSONField(default=list)  # packages for which its newest state waits: another repository makes them
    removed_at = models.DateTimeField(null=True, blank=True)
    former_names = models.JSONField(default=list)  # what it was called before: packages of that name may be published

    objects = RecipeQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["repository", "path"], name="one_recipe_a_path")]
        indexes = [models.Index(fields=["name"], name="recipe_name")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}-{self.release}" if self.release else self.name

    def get_absolute_url(self) -> str:
        """Gives the page of this recipe."""
        return reverse("summit:recipe_detail", args=[self.repository.project.slug, self.repository.slug, self.name])

    @property
    def directory(self) -> str:
        """The recipe's directory relative to the repository's root, "" for the root itself."""
        return self.path.rpartition("/")[0]

    @property
    def is_broken(self) -> bool:
        """Says whether the newest state in git could not be read."""
        return bool(self.error)

    @property
    def is_removed(self) -> bool:
        """Says whether it is gone from its repository."""
        return self.removed_at is not None

    def remove(self, *, at: datetime) -> None:
        """Notes that the repository no longer holds it."""
        Recipe.objects.filter(pk=self.pk, removed_at__isnull=True).update(removed_at=at)
        self.removed_at = at


class CapabilityRow(models.Model):
    """A capability of one package of a recipe; `architecture` is empty where it holds for all."""

    package = models.CharField(max_length=255, blank=True)
    kind = models.PositiveSmallIntegerField(choices=KINDS)
    target = models.CharField(max_length=512)
    architecture = models.CharField(max_length=32, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.capability)

    @property
    def capability(self) -> Capability:
        """The kind and target as the formats know them."""
        return Capability(Kind(self.kind), self.target)


class Provider(CapabilityRow):
    """Something that a package of the recipe provides."""

    recipe = models.ForeignKey(Recipe, on_delete=models.CASCADE, related_name="providers")

    class Meta:
        indexes = [models.Index(fields=["kind", "target"], name="provider_capability")]


class Dependency(CapabilityRow):
    """Something that building, checking or running the recipe's packages needs; `package` is "" but for `run`.

    `implied_by` says for the implied ones what implies them: `%meson`, `the llvm toolchain`.
    """

    recipe = models.ForeignKey(Recipe, on_delete=models.CASCADE, related_name="dependencies")
    usage = models.CharField(max_length=8, choices=[(usage.value, usage.value) for usage in Usage])
    implied_by = models.CharField(max_length=60, blank=True)

    class Meta:
        verbose_name_plural = "dependencies"
        indexes = [models.Index(fields=["kind", "target"], name="dependency_capability")]
