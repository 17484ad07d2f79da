"""vessel's Celery tasks, all on the queue `publish`."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from vessel.intake import process
from vessel.prune import prune as prune_channels
from vessel.sweep import sweep as sweep_imports


@shared_task(name="vessel.import_artefacts")
def import_artefacts(*, reference: str, **_extra: object) -> None:
    """Brings one import as far as it goes."""
    process(reference=reference, clock=timezone.now)


@shared_task(name="vessel.sweep")
def sweep(**_extra: object) -> None:
    """Does again what was left undone."""
    sweep_imports(at=timezone.now())


@shared_task(name="vessel.prune")
def prune(**_extra: object) -> None:
    """Applies the retention."""
    prune_channels(retention=timedelta(days=settings.SERPENT_RETENTION_DAYS), at=timezone.now())
