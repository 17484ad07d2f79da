"""What builders reported of their attempts: the report as sent, and its files and phases as rows."""

from django.db import models

from avalanche.models.attempts import Attempt
from serpent_infra.wire.reports import ArtefactKind


class Report(models.Model):
    """The one report of an attempt, word for word."""

    attempt = models.OneToOneField(Attempt, on_delete=models.CASCADE, related_name="report")
    epoch = models.PositiveIntegerField()
    body = models.JSONField()
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"report of {self.attempt_id}"


class Artefact(models.Model):
    """One file that a succeeded attempt left on its builder: size in bytes, hash in hex."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="artefacts")
    kind = models.CharField(max_length=32, choices=[(kind.value, kind.value) for kind in ArtefactKind])
    name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["attempt", "name"], name="one_artefact_of_a_name_per_attempt"),
        ]

    def __str__(self) -> str:
        return self.name


class PhaseTime(models.Model):
    """How long one phase of an attempt took, and where its output begins in the log."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="phase_times")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    seconds = models.FloatField()
    log_offset = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["attempt", "position"], name="one_phase_at_a_position_per_attempt"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.seconds:.1f} s"
