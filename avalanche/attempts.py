"""What askers do with attempts: offer, cancel, look at, acknowledge, release."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from avalanche import doorbell, fleet, logs
from avalanche.models import Attempt, Builder, Slot
from avalanche.models.attempts import AttemptQuerySet
from avalanche.states import AttemptState, IllegalTransition
from avalanche.statuses import ArtefactSource, AttemptStatus, SlotTaken, UnknownAttempt
from serpent_infra.wire.orders import BuildOrder
from serpent_infra.wire.reports import BuildReport, FailureKind


def get(attempt: UUID) -> Attempt:
    """Reads one attempt with its builder, slot and report; raises `UnknownAttempt`."""
    return _only(Attempt.objects.with_parts(), attempt)


def offer(*, order: BuildOrder, task: str, builder: str, slot: int, reply_to: str, at: datetime) -> None:
    """Offers an order to a slot, and rings it after commit; raises `SlotTaken` when the slot cannot have it."""
    patience = timedelta(seconds=settings.SERPENT_OFFER_SECONDS)
    try:
        with transaction.atomic():
            place = _place(builder, slot, at=at)
            attempt = Attempt.offer(order=order, task=task, reply_to=reply_to, slot=place, at=at, patience=patience)
            doorbell.ring_slot_on_commit(attempt)
    except IntegrityError as error:
        raise SlotTaken(f"Slot {builder}/{slot} has work, or may not have this: {error}") from error


def cancel(*, attempt: UUID, at: datetime) -> None:
    """Ends an offer at once and asks a running build to end; an ended attempt stays as it is."""
    # Between look and deed a builder may claim the offer: then the second look finds it running.
    for _ in AttemptState:
        found = get(attempt)
        if not found.is_open:
            return
        try:
            with transaction.atomic():
                if found.status == AttemptState.RUNNING:
                    found.request_cancel(at=at)
                else:
                    found.cancel(at=at, note="cancelled before anybody claimed it")
                    doorbell.ring_asker_on_commit(found)
        except IllegalTransition:
            continue
        return


def unsettled(*, reply_to: str) -> list[UUID]:
    """Lists ended attempts whose asker has not acknowledged the end, oldest first."""
    return list(Attempt.objects.unsettled(reply_to).values_list("pk", flat=True))


def statuses(attempts: Iterable[UUID]) -> dict[UUID, AttemptStatus]:
    """Gives attempts as their asker sees them; unknown ones are absent."""
    return {found.pk: status_of(found) for found in Attempt.objects.with_parts().filter(pk__in=list(attempts))}


def status_of(attempt: Attempt) -> AttemptStatus:
    """Gives an attempt that was read `with_parts()` as its asker sees it."""
    report = attempt.sent_report
    return AttemptStatus(
        id=attempt.pk,
        builder=attempt.builder.name,
        slot=attempt.slot.index,
        status=str(attempt.status),
        phase=attempt.phase,
        offered_at=attempt.offered_at,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        log_size=logs.size_of(attempt.pk) if attempt.is_open else attempt.log_size,
        isolation=attempt.isolation,
        report=None if report is None else msgspec.convert(report.body, BuildReport),
        failure_kind=FailureKind(attempt.failure_kind) if attempt.failure_kind else None,
        failure_message=attempt.failure_message,
        memory_peak=attempt.memory_peak,
        disk_peak=attempt.disk_peak,
        memory_limit=attempt.slot.memory_limit,
        owner=attempt.builder.owner_id or 0,
    )


def settle(attempt: UUID, *, at: datetime) -> None:
    """Notes that the asker is done with an ended attempt; raises `UnknownAttempt`."""
    _only(Attempt.objects.only("pk"), attempt).settle(at=at)


def release(attempt: UUID, *, at: datetime) -> None:
    """Lets the builder drop an attempt's artefacts; raises `UnknownAttempt`."""
    _only(Attempt.objects.only("pk"), attempt).release(at=at)


def artefact_source(attempt: UUID) -> ArtefactSource:
    """Derives where an attempt's artefacts are fetched from its builder's registered address."""
    rows = Attempt.objects.select_related("builder").only("builder", "builder__address", "builder__name")
    builder = _only(rows, attempt).builder
    return ArtefactSource(base_uri=f"{builder.address}/artefacts/{attempt}/", audience=builder.name)


def _only(rows: AttemptQuerySet, attempt: UUID) -> Attempt:
    try:
        return rows.get(pk=attempt)
    except Attempt.DoesNotExist:
        raise UnknownAttempt(f"There is no attempt {attempt}.") from None


def _place(builder: str, index: int, *, at: datetime) -> Slot:
    """Finds the slot again and makes sure that its builder still takes work."""
    offerable = Builder.objects.offerable().filter(name=builder)
    found = Slot.objects.current().select_related("builder").filter(builder__in=offerable, index=index).first()
    if found is None or not fleet.can_work(found.builder, at=at):
        raise SlotTaken(f"Slot {builder}/{index} takes no work now.")
    return found
