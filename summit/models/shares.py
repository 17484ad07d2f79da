"""What whoever asks for builds may have of the fleet, and what the builds of a recipe take of a builder: both data."""

from django.db import models
from django.db.models import Q


class Share(models.Model):
    """The weight of a group, a person, a repository or a campaign; whoever has no row has weight 1.

    `key` is that of `BuildTask.share`: `group:desktop`, `person:ada`, `repository:main/recipes`, `campaign:7`.
    """

    key = models.CharField(max_length=100, unique=True)
    weight = models.FloatField(default=1.0, help_text="Twice the weight, twice the slots while all of them are wanted.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(weight__gt=0), name="share_has_weight")]

    def __str__(self) -> str:
        return f"{self.key} ({self.weight:g})"


class Requirement(models.Model):
    """What building a recipe takes at most, as somebody declared it; 0 where nothing is known."""

    source_name = models.CharField(max_length=255)
    architecture = models.CharField(max_length=32, blank=True, help_text="Empty for all.")
    memory_bytes = models.PositiveBigIntegerField(default=0)
    disk_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source_name", "architecture"], name="one_requirement_a_recipe")]

    def __str__(self) -> str:
        return f"{self.source_name} on {self.architecture or 'all architectures'}"
