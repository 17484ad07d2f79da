"""Branches: streams that begin as what another stream holds, to be merged into one or dropped, as a whole."""

from typing import Self

from django.db import models

from vessel.models.channels import Stream
from vessel.models.versions import Version


class BranchQuerySet(models.QuerySet["Branch"]):
    """Finds branches."""

    def live(self) -> Self:
        """Narrows to those that are not dropped."""
        return self.filter(dropped_at__isnull=True)


class Branch(models.Model):
    """What makes a stream a branch: `origin` is the version that it began as.

    Its versions lie over their origin (`Version.base`), so that a branch costs its changes, not a copy of the rows. It
    is merged at most once: `merged_in` is the version of the other stream that took its packages in, incomplete while
    that one is in the making. `kept` names what the other stream had newer, or had let go of (texts, by source).
    """

    stream = models.OneToOneField(Stream, on_delete=models.PROTECT, related_name="branch")
    origin = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    merged_in = models.ForeignKey(Version, on_delete=models.PROTECT, null=True, related_name="merged_branches")
    merged_by = models.CharField(max_length=150, blank=True)
    kept = models.JSONField(default=list)
    dropped_at = models.DateTimeField(null=True)

    objects = BranchQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.stream} of {self.origin_id}"
