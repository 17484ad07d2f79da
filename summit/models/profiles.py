"""Profiles: what a project is built for, against, and to."""

from collections.abc import Collection
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from summit.models.projects import Project
from summit.models.tasks import Purpose


class VerificationPolicy(models.TextChoices):
    """Which builds are made a second time, by a builder of another owner, before they are published."""

    NONE = "none", "None"
    EVERY_BUILD = "every-build", "Every build"


class ProfileQuerySet(models.QuerySet["Profile"]):
    """Finds profiles."""

    def running(self) -> Self:
        """Narrows to those whose builds may be dispatched: not paused, and in order."""
        return self.filter(is_paused=False, project__is_paused=False, plan_error="")

    def plan_overdue(self) -> Self:
        """Narrows to those for which something changed since they were last planned, or that could not be planned."""
        return self.filter(Q(plan_requested_at__isnull=False) | ~Q(plan_error=""))

    def request_plan(self, *, at: datetime) -> int:
        """Notes that these must be planned again; the note outlives a lost message, and planning removes it."""
        return self.update(plan_requested_at=at)


class Profile(models.Model):
    """An architecture and ISA level, the remotes to resolve against, and the stream that is published to.

    `base_provides` lists capabilities (text) that the base image offers, so that planning knows them too.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="profiles")
    name = models.SlugField(max_length=60)
    architecture = models.CharField(max_length=32, default="x86_64")
    isa_level = models.CharField(max_length=32, blank=True, help_text="Empty for the architecture's baseline.")
    channel = models.SlugField(max_length=60)
    stream = models.SlugField(max_length=60, default="volatile")
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.OFFICIAL)
    base_provides = models.JSONField(default=list, blank=True)
    verifies_manifests = models.BooleanField(
        default=True,
        help_text="The first official build of a release fails where it is not what the recipe's manifest promises.",
    )
    verification = models.CharField(
        max_length=16,
        choices=VerificationPolicy,
        default=VerificationPolicy.NONE,
        help_text="Whether a builder of another owner must build the same, bit for bit, before it is published.",
    )
    is_paused = models.BooleanField(default=False, help_text="Nothing is dispatched for it while it is set.")
    plan_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    planned_at = models.DateTimeField(null=True, blank=True, editable=False)
    plan_error = models.TextField(blank=True, editable=False)
    planned_version = models.CharField(max_length=64, blank=True, editable=False)

    objects = ProfileQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="one_profile_of_a_name_per_project")]

    def __str__(self) -> str:
        return f"{self.project.slug}/{self.name}"

    @property
    def verifies_builds(self) -> bool:
        """Says whether what is built for it is built a second time before it is published."""
        return self.verification != VerificationPolicy.NONE

    def builds(self, architectures: Collection[str]) -> bool:
        """Says whether a recipe is built for it that names these architectures; one that names none is for all.

        A level's stream lies over the baseline's, and holds what asked for it: recipes that name the level.
        """
        if self.isa_level:
            return self.isa_level in architectures
        host = {self.architecture, "native", f"emul32/{self.architecture}", "emul32"}
        return not architectures or not host.isdisjoint(architectures)

    def base_capabilities(self) -> frozenset[Capability]:
        """Reads `base_provides`; a text that is no capability counts for nothing."""
        found = set()
        for text in self.base_provides:
            try:
                found.add(Capability.parse(str(text)))
            except FormatError:
                continue
        return frozenset(found)


class Remote(models.Model):
    """One more repository that a profile resolves against: a stream of ours, or an index elsewhere."""

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="remotes")
    name = models.SlugField(max_length=60)
    channel = models.SlugField(max_length=60, blank=True)
    stream = models.SlugField(max_length=60, blank=True)
    index_uri = models.CharField(max_length=500, blank=True, help_text="A stone.index elsewhere, instead of a stream.")
    priority = models.IntegerField(default=0, help_text="The larger wins.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "name"], name="one_remote_of_a_name_per_profile"),
            models.CheckConstraint(
                condition=Q(index_uri="", channel__gt="", stream__gt="") | Q(index_uri__gt="", channel="", stream=""),
                name="remote_is_a_stream_or_an_index",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_ours(self) -> bool:
        """Says whether it is a stream of our own, whose contents are known."""
        return not self.index_uri
