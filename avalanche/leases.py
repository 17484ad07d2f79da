"""What a slot's worker does with an attempt before its report: claim, renew, append to the log, start anew."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from avalanche import doorbell, logs
from avalanche.models import Attempt, Builder
from avalanche.refusals import AttemptClosed, InvalidField, NotOffered, StaleLease
from avalanche.states import AttemptState, IllegalTransition
from serpent_infra.wire.builders import Hello
from serpent_infra.wire.orders import ClaimAnswer, Lease, RenewAnswer, RenewRequest

LOG_ALLOWANCE = 64 * 1024  # what the agent itself adds when a build has filled its log
PHASE_LENGTH = 100


def claim(attempt: Attempt, *, slot: int, at: datetime) -> ClaimAnswer:
    """Hands an offered attempt to the slot it was offered to; raises `NotOffered`."""
    if attempt.slot.index != slot:
        raise NotOffered("The attempt was offered to another slot.")
    try:
        attempt.claim(at=at, lease=_lease_time())
    except IllegalTransition as error:
        raise NotOffered(f"The attempt is {attempt.status}.") from error
    return ClaimAnswer(order=attempt.order, lease=_lease_of(attempt))


def renew(attempt: Attempt, request: RenewRequest, *, at: datetime) -> RenewAnswer:
    """Prolongs a lease and says whether the build is to end; raises `StaleLease` or `AttemptClosed`."""
    check(attempt, epoch=request.epoch)
    phase, size = request.phase[:PHASE_LENGTH], logs.size_of(attempt.pk)
    try:
        attempt.renew(epoch=request.epoch, phase=phase, log_size=size, at=at, lease=_lease_time())
    except IllegalTransition as error:
        raise AttemptClosed("The attempt has just ended.") from error
    return RenewAnswer(lease=_lease_of(attempt), cancel=attempt.cancel_requested_at is not None)


def append_log(attempt: Attempt, *, epoch: int, offset: int, chunk: bytes) -> int:
    """Appends to the log of a running attempt and gives its size; raises `LogGap` or `LogLimit`, too."""
    check(attempt, epoch=epoch)
    limit = attempt.order.limits.log_bytes + LOG_ALLOWANCE
    return logs.append(attempt=attempt.pk, offset=offset, chunk=chunk, limit=limit)


def greet(builder: Builder, hello: Hello, *, at: datetime) -> int:
    """Takes note of a start: the machine as it is now, and what was running on slots that run nothing is lost."""
    if (hello.host is None) != (not hello.slots):
        raise InvalidField("slots", "come together with host")
    if hello.host is not None:
        builder.declare(slots=hello.slots, host=hello.host)
    lost = 0
    for attempt in Attempt.objects.running_on(builder, hello.idle_slots):
        with transaction.atomic():
            attempt.lose(message="The slot's worker started anew and runs nothing.", at=at)
            doorbell.ring_asker_on_commit(attempt)
        lost += 1
    return lost


def check(attempt: Attempt, *, epoch: int) -> None:
    """Makes sure that an attempt runs and that the epoch is its lease's; raises `StaleLease` or `AttemptClosed`."""
    if attempt.epoch != epoch:
        raise StaleLease(f"The lease has epoch {attempt.epoch}, not {epoch}.")
    if attempt.status != AttemptState.RUNNING:
        raise AttemptClosed(f"The attempt is {attempt.status}.")


def _lease_time() -> timedelta:
    return timedelta(seconds=settings.SERPENT_LEASE_SECONDS)


def _lease_of(attempt: Attempt) -> Lease:
    if attempt.lease_expires_at is None:
        raise AttemptClosed("The attempt has no lease.")
    return Lease(epoch=attempt.epoch, expires_at=attempt.lease_expires_at)
