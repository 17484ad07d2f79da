"""Rings summit's own tasks once a transaction is committed."""

from serpent_infra.bells import ring_on_commit

CAMPAIGN = "summit.advance_campaign"
DISPATCH = "summit.dispatch"
PLAN = "summit.plan"
REFRESH = "summit.refresh_repository"
WITHDRAW = "summit.withdraw"


def ring(task: str, *, expires_seconds: float | None = None, **ids: int | str) -> None:
    """Rings a task; messages carry ids only. One that expires is of no use any more when nobody had time for it."""
    ring_on_commit(task, ids=dict(ids), expires_seconds=expires_seconds)
