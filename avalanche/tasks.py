"""The hub's sweep as a Celery task; what a slot's worker is rung for stands in `avalanche.agent.tasks`."""

from celery import shared_task
from django.utils import timezone

from avalanche import sweep as sweeping


@shared_task(name="avalanche.sweep")
def sweep(**_extra: object) -> None:
    """Does again whatever a lost message or a dead process left undone."""
    sweeping.sweep(at=timezone.now())
