"""Withdrawals: the packages of one source that somebody has taken out of a stream, and in which version."""

from django.db import models

from vessel.models.channels import Stream
from vessel.models.imports import REFERENCE_LIMIT
from vessel.models.versions import Version


class Withdrawal(models.Model):
    """What somebody, who knows it as `reference`, took out of a stream.

    `version` is the one that goes without, incomplete while that is in the making; where nothing was left to take away,
    the one that the stream pointed to. `removed` names the packages.
    """

    reference = models.CharField(max_length=REFERENCE_LIMIT, unique=True)
    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="withdrawals")
    source_name = models.CharField(max_length=255)
    architecture = models.CharField(max_length=32)
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="withdrawals")
    removed = models.JSONField(default=list)
    who = models.CharField(max_length=150, blank=True)  # a user's name, "" where no person did it
    why = models.CharField(max_length=500, blank=True)
    withdrawn_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source_name} from {self.stream}"
