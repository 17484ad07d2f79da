"""Does again what a lost message, a crash or a full disk left undone: rings for imports, repairs the tree."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from serpent_infra.formats.errors import FormatError
from vessel import doorbell, intake, tree
from vessel.locks import channel_lock
from vessel.models import Channel, Import
from vessel.publish import finish_unfinished
from vessel.states import IllegalTransition

log = logging.getLogger(__name__)

SILENCE = timedelta(seconds=30)  # after which a ring counts as lost
MOST_RINGS = 200  # a sweep


def sweep(*, at: datetime) -> None:
    """Gives up imports past their deadline, rings for those that are due and for closed ones, and repairs the trees."""
    give_up(at=at)
    ring_open(at=at)
    ring_unsettled(at=at)
    intake.clear_files()
    for channel in Channel.objects.by_name():
        try:
            repair(channel, at=at)
        except (OSError, FormatError) as error:
            log.warning("channel %s: the tree cannot be repaired now: %s", channel, error)


def give_up(*, at: datetime) -> None:
    """Refuses imports that could not be taken in within their time, whatever a worker that holds one is stuck in."""
    patience = settings.SERPENT_IMPORT_SECONDS
    for subject in Import.objects.overdue(since=at - timedelta(seconds=patience)):
        problem = f"its artefacts could not be taken in within {patience} seconds"
        if subject.problem:
            problem += f"; the latest try ended so: {subject.problem}"
        try:
            with transaction.atomic():
                subject.refuse(problem=problem, is_infrastructure_problem=True, at=at)
                doorbell.ring(subject.reply_to, reference=subject.reference)
        except IllegalTransition:
            continue  # it has just moved on


def ring_open(*, at: datetime) -> None:
    """Rings for open imports whose pause is over and that nobody has touched for a while."""
    for subject in Import.objects.due(at=at, silent_for=SILENCE)[:MOST_RINGS]:
        if subject.note_rung(at=at):
            doorbell.ring(doorbell.IMPORT, reference=subject.reference)


def ring_unsettled(*, at: datetime) -> None:
    """Rings the askers of closed imports that have not acknowledged them."""
    for subject in Import.objects.unsettled().filter(rung_at__lt=at - SILENCE)[:MOST_RINGS]:
        if subject.note_rung(at=at):
            doorbell.ring(subject.reply_to, reference=subject.reference)


def repair(channel: Channel, *, at: datetime) -> None:
    """Finishes begun versions, writes indexes that are missing and makes the tree point where the rows do.

    Raises `OSError`.
    """
    with channel_lock(channel.name):
        finish_unfinished(channel, at=at)
        for version in tree.missing_histories(channel):
            log.warning("channel %s: writing the lost indexes of version %s", channel, version)
            tree.write_history(version)
        if tree.switch(channel):
            log.info("channel %s: the tree points where the rows do again", channel)
