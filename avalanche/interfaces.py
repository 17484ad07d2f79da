"""avalanche's only door: free slots, orders down, reports up.

The caller names the Celery task to ring (`reply_to`); avalanche rings it with `attempt=<uuid>` and never learns who
asked.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from avalanche import attempts as _attempts
from avalanche import fleet as _fleet
from avalanche import logs as _logs
from avalanche.statuses import (
    ArtefactSource,
    AttemptStatus,
    BuilderStatus,
    FreeSlot,
    LogTail,
    SlotTaken,
    Tier,
    UnknownAttempt,
)
from serpent_infra.wire.orders import BuildOrder

__all__ = [
    "ArtefactSource",
    "AttemptStatus",
    "BuilderStatus",
    "FreeSlot",
    "LogTail",
    "SlotTaken",
    "Tier",
    "UnknownAttempt",
    "acknowledge",
    "artefact_source",
    "attempt_order",
    "attempt_status",
    "attempt_statuses",
    "cancel",
    "fleet",
    "free_slots",
    "known_slots",
    "log_tail",
    "offer",
    "release_artefacts",
    "unsettled",
    "working_slots",
]


def free_slots(*, at: datetime) -> list[FreeSlot]:
    """Lists the slots that may be offered work: enrolled, online, not draining, disk in order, nothing running."""
    return _fleet.free_slots(at=at)


def working_slots(*, at: datetime) -> list[FreeSlot]:
    """Lists the slots of such builders, those that are busy too."""
    return _fleet.working_slots(at=at)


def known_slots(*, since: datetime, at: datetime) -> list[FreeSlot]:
    """Lists the slots of builders that are not draining and were heard of since a moment, whether they work or not."""
    return _fleet.known_slots(since=since, at=at)


def fleet(*, at: datetime) -> list[BuilderStatus]:
    """Lists all builders for the fleet strip, by name, in a bounded number of queries."""
    return _fleet.statuses(at=at)


def offer(*, order: BuildOrder, task: str, builder: str, slot: int, reply_to: str, at: datetime) -> None:
    """Commits an attempt in state *offered* (its id is `order.attempt`) and rings the slot's queue after commit.

    `task` is the asker's own reference, kept as text. Raises `SlotTaken`.
    """
    _attempts.offer(order=order, task=task, builder=builder, slot=slot, reply_to=reply_to, at=at)


def cancel(*, attempt: UUID, at: datetime) -> None:
    """Ends an attempt: at once when only offered, by the answer to the next renewal when running. Idempotent.

    Raises `UnknownAttempt`.
    """
    _attempts.cancel(attempt=attempt, at=at)


def unsettled(*, reply_to: str) -> list[UUID]:
    """Lists ended attempts whose end the asker has not acknowledged yet, oldest first: what a sweep works off."""
    return _attempts.unsettled(reply_to=reply_to)


def acknowledge(*, attempt: UUID, at: datetime) -> None:
    """Notes that the asker has committed the consequences of an ended attempt. Idempotent."""
    _attempts.settle(attempt, at=at)


def attempt_status(*, attempt: UUID) -> AttemptStatus:
    """Reads one attempt. Raises `UnknownAttempt`."""
    return _attempts.status_of(_attempts.get(attempt))


def attempt_order(*, attempt: UUID) -> BuildOrder:
    """Reads what was ordered of an attempt. Raises `UnknownAttempt`."""
    return _attempts.get(attempt).order


def attempt_statuses(*, attempts: list[UUID]) -> Mapping[UUID, AttemptStatus]:
    """Reads many attempts in a bounded number of queries; unknown ones are absent."""
    return _attempts.statuses(attempts)


def log_tail(*, attempt: UUID, limit: int) -> LogTail:
    """Reads the whole lines within the last `limit` bytes of an attempt's log; one that logged nothing has none."""
    return _logs.tail(attempt, limit=limit)


def artefact_source(*, attempt: UUID) -> ArtefactSource:
    """Derives from the builder's address where an attempt's artefacts are fetched. Raises `UnknownAttempt`."""
    return _attempts.artefact_source(attempt)


def release_artefacts(*, attempt: UUID, at: datetime) -> None:
    """Lets the builder drop an attempt's artefacts: they are stored and published, or never wanted. Idempotent."""
    _attempts.release(attempt, at=at)
