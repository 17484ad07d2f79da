"""How far an import may come, and from where.

    requested ──▶ fetching ──▶ verifying ──▶ published
        ▲            │             │
        └────────────┴─────────────┘   disk or network failed: again later
    requested, fetching, verifying ──▶ refused

A verified import stays *verifying* until the version that holds it is complete on disk.
"""

from django.db.models import TextChoices


class ImportStatus(TextChoices):
    """How far an import has come."""

    REQUESTED = "requested"
    FETCHING = "fetching"
    VERIFYING = "verifying"
    PUBLISHED = "published"
    REFUSED = "refused"


class IllegalTransition(Exception):
    """The import is not, or no longer, in a state that allows this."""


OPEN = frozenset({ImportStatus.REQUESTED, ImportStatus.FETCHING, ImportStatus.VERIFYING})
IN_PROGRESS = frozenset({ImportStatus.FETCHING, ImportStatus.VERIFYING})
CLOSED = frozenset({ImportStatus.PUBLISHED, ImportStatus.REFUSED})

# target → the states it may be reached from
SOURCES: dict[ImportStatus, frozenset[ImportStatus]] = {
    ImportStatus.REQUESTED: IN_PROGRESS,
    ImportStatus.FETCHING: frozenset({ImportStatus.REQUESTED}),
    ImportStatus.VERIFYING: frozenset({ImportStatus.FETCHING}),
    ImportStatus.PUBLISHED: frozenset({ImportStatus.VERIFYING}),
    ImportStatus.REFUSED: OPEN,
}
