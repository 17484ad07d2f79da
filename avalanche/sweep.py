"""Does again whatever a lost message or a dead process left undone; running it twice changes nothing."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import transaction

from avalanche import doorbell, enrolment
from avalanche.models import Attempt, EnrolmentCode, HostSample
from avalanche.states import IllegalTransition
from serpent_infra.wire.reports import FailureKind

BELL_PATIENCE = timedelta(seconds=3)  # an offer that long unanswered may have lost its bell
END_GRACE = timedelta(minutes=2)  # a builder ends its own builds in time; the hub waits a little longer
CODE_RETENTION = timedelta(days=7)


def sweep(*, at: datetime) -> None:
    """Expires, loses, ends and rings what is due at `at`, forgets old samples and restores broker accounts."""
    _each(Attempt.objects.unclaimed(at=at), lambda attempt: _expire(attempt, at=at))
    _each(Attempt.objects.silent(at=at), lambda attempt: _lose(attempt, at=at))
    _each(Attempt.objects.overdue(at=at - END_GRACE), lambda attempt: _end_overdue(attempt, at=at))
    _each(Attempt.objects.deaf(since=at - END_GRACE), lambda attempt: _end_deaf(attempt, at=at))
    for attempt in Attempt.objects.unanswered(since=at - BELL_PATIENCE).select_related("builder", "slot"):
        doorbell.ring_slot_on_commit(attempt)
    for attempt in Attempt.objects.unsettled().filter(ended_at__lte=at - BELL_PATIENCE):
        doorbell.ring_asker_on_commit(attempt)
    HostSample.objects.outlived(at=at).delete()
    EnrolmentCode.objects.stale(at=at - CODE_RETENTION).delete()
    enrolment.restore_accounts()


def _each(attempts: Iterable[Attempt], end: Callable[[Attempt], None]) -> None:
    """Ends each attempt in a transaction of its own; one that has moved meanwhile is somebody else's business."""
    for attempt in attempts:
        try:
            with transaction.atomic():
                end(attempt)
                doorbell.ring_asker_on_commit(attempt)
        except IllegalTransition:
            continue


def _expire(attempt: Attempt, *, at: datetime) -> None:
    attempt.expire(message="No worker of the slot took the offer in time.", at=at)


def _lose(attempt: Attempt, *, at: datetime) -> None:
    if attempt.cancel_requested_at is None:
        attempt.lose(message="The builder has not been heard of since its lease ran out.", at=at)
    else:
        attempt.cancel(at=at, note="cancelled on request; the builder was lost meanwhile")


def _end_overdue(attempt: Attempt, *, at: datetime) -> None:
    limit = attempt.order.limits.wall_seconds
    attempt.fail(kind=FailureKind.TIME_LIMIT, message=f"The build ran longer than {limit} seconds.", at=at)


def _end_deaf(attempt: Attempt, *, at: datetime) -> None:
    attempt.cancel(at=at, note="cancelled on request; the builder did not answer it")
