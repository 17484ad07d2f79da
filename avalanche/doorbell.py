"""Rings slots and askers once a transaction is committed."""

from django.conf import settings

from avalanche.models import Attempt
from serpent_infra.bells import ring_on_commit
from serpent_infra.wire.names import slot_queue

BUILD_TASK = "avalanche.build"


def ring_slot_on_commit(attempt: Attempt) -> None:
    """Tells the slot's worker that an attempt waits for it."""
    builder = attempt.builder
    ring_on_commit(
        BUILD_TASK,
        ids={"attempt": attempt.pk},
        prefix=builder.broker_prefix,
        queue=slot_queue(builder.name, attempt.slot.index),
        # A bell that rings after the offer has expired would only be answered with a refusal.
        expires_seconds=settings.SERPENT_OFFER_SECONDS,
    )


def ring_asker_on_commit(attempt: Attempt) -> None:
    """Tells whoever asked that the attempt has ended."""
    ring_on_commit(attempt.reply_to, ids={"attempt": attempt.pk})
