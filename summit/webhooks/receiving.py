"""Takes one delivery in: without a right signature it learns nothing, and what came before rings nothing."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from summit import intake
from summit.models import Delivery, DeliveryOutcome, Repository, Webhook
from summit.webhooks.envelope import Envelope, UnreadableDelivery, is_signed, open_envelope, read_push
from summit.webhooks.secret import secrets_of

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=30)
# What an unknown repository is compared with, so that the answer takes as long.
_NOBODYS_SECRET = "0" * 64


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the forge is told: an HTTP status, a stable code, a sentence."""

    status: int
    code: str
    detail: str


_REFUSED = Answer(
    status=403, code="signature", detail="No repository at this address has a secret that made this signature."
)


def receive(
    *, project: str, repository: str, headers: Mapping[str, str], body: bytes, content_type: str, at: datetime
) -> Answer:
    """Checks a delivery and, where it announces a push to the branch that is read, asks for a refresh.

    A delivery is remembered by its identifier and by its signature, for the identifier is not signed.
    """
    envelope = open_envelope(headers)
    rows = Webhook.objects.filter(repository__project__slug=project, repository__slug=repository)
    webhook = rows.select_related("repository").first()
    known = secrets_of(webhook) if webhook is not None else [_NOBODYS_SECRET]
    if not is_signed(body, envelope.signature, known) or webhook is None:
        log.info("a delivery for %s/%s is not signed with its secret", project, repository)
        return _REFUSED
    if not envelope.identifier:
        return Answer(status=400, code="no-delivery", detail="The delivery has no identifier of its own.")
    try:
        with transaction.atomic():
            return _take(webhook.repository, envelope, body, content_type, at=at)
    except IntegrityError:
        return Answer(status=409, code="replayed", detail="This delivery, or one of the same content, came before.")


def prune(*, at: datetime) -> int:
    """Forgets deliveries that asked for nothing, long after they came; the others must never count again."""
    old = Delivery.objects.filter(received_at__lt=at - KEPT_FOR).exclude(outcome=DeliveryOutcome.ACCEPTED)
    count, _ = old.delete()
    return count


def _take(repository: Repository, envelope: Envelope, body: bytes, content_type: str, *, at: datetime) -> Answer:
    answer, outcome = _judge(repository, envelope, body, content_type)
    Delivery.objects.create(
        repository=repository,
        forge=envelope.forge,
        identifier=envelope.identifier,
        signature=envelope.signature,
        event=envelope.event,
        outcome=outcome,
        sentence=answer.detail,
        received_at=at,
    )
    if outcome == DeliveryOutcome.ACCEPTED:
        intake.request_refresh(repository, at=at)
    return answer


def _judge(
    repository: Repository, envelope: Envelope, body: bytes, content_type: str
) -> tuple[Answer, DeliveryOutcome]:
    if envelope.event == "ping":
        return Answer(status=200, code="pong", detail="The secret is right."), DeliveryOutcome.IGNORED
    if envelope.event != "push":
        detail = f"Only pushes are of interest, not {envelope.event or 'an event without a name'}."
        return Answer(status=202, code="ignored: event", detail=detail), DeliveryOutcome.IGNORED
    try:
        push = read_push(body, content_type)
    except UnreadableDelivery as error:
        detail = f"The delivery cannot be read: {error}."
        return Answer(status=400, code="unreadable", detail=detail), DeliveryOutcome.UNREADABLE
    followed = repository.branch or push.default_branch
    if not push.branch or (followed and push.branch != followed):
        detail = f"{push.ref} is not read here, only the branch {followed or 'by default'}."
        return Answer(status=202, code="ignored: branch", detail=detail), DeliveryOutcome.IGNORED
    detail = f"{push.branch} will be read in a moment."
    return Answer(status=202, code="accepted", detail=detail), DeliveryOutcome.ACCEPTED
