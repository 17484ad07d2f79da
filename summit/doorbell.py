"""Rings summit's own tasks once a transaction is committed."""

from serpent_infra.bells import ring_on_commit

CAMPAIGN = "summit.advance_campaign"
DISPATCH = "summit.dispatch"
PLAN = "summit.plan"
REFRESH = "summit.refresh_repository"


def ring(task: str, **ids: int | str) -> None:
    """Rings a task; messages carry ids only."""
    ring_on_commit(task, ids=dict(ids))
