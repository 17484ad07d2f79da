"""What a build asks of a slot, and what earlier builds teach of it."""

from django.db import models


class Demanding(models.Model):
    """Memory and disk in bytes, 0 where nobody knows.

    What is asked of a slot is what was declared (`Requirement`), or what was learnt where that is more, as far as some
    slot has it: `demands.py` keeps it so. What was learnt stays what it is, whatever slots there are.
    """

    memory_bytes = models.PositiveBigIntegerField(default=0)  # asked of a slot
    disk_bytes = models.PositiveBigIntegerField(default=0)
    learnt_memory_bytes = models.PositiveBigIntegerField(default=0)
    learnt_disk_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        abstract = True
