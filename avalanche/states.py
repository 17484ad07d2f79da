"""The states of an attempt.

    offered ──claim──▶ running ──▶ succeeded | failed | cancelled | lost
       ├──▶ cancelled      (before anybody claimed it)
       └──▶ expired        (nobody claimed it in time)

A closed attempt never opens again: another try is another attempt.
"""

from django.db.models import TextChoices


class AttemptState(TextChoices):
    """How far an attempt has come."""

    OFFERED = "offered"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    EXPIRED = "expired"


OPEN = frozenset({AttemptState.OFFERED, AttemptState.RUNNING})
CLOSED = frozenset(AttemptState) - OPEN

SOURCES: dict[AttemptState, frozenset[AttemptState]] = {
    AttemptState.RUNNING: frozenset({AttemptState.OFFERED}),
    AttemptState.SUCCEEDED: frozenset({AttemptState.RUNNING}),
    AttemptState.FAILED: frozenset({AttemptState.RUNNING}),
    AttemptState.CANCELLED: OPEN,
    AttemptState.LOST: frozenset({AttemptState.RUNNING}),
    AttemptState.EXPIRED: frozenset({AttemptState.OFFERED}),
}


class IllegalTransition(Exception):
    """The attempt is not, or no longer, in a state from which it may go there."""
