"""summit's side of avalanche's door: ready tasks become orders for free slots, and what the fleet and its attempts do.

The only module of summit that knows avalanche. It does not decide what an ended attempt means: `settling.py` does.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from avalanche import interfaces as avalanche
from avalanche.interfaces import ArtefactSource, AttemptStatus, BuilderStatus, LogTail, Tier
from serpent_infra.wire.orders import BuildOrder, BuildPurpose, Limits, RemoteIndex, Source
from summit import lanes, publishing, second_builds
from summit.models import AttemptRef, BuildTask, Profile, Purpose, moves
from summit.scheduler import Pair, Slot, pair
from summit.states import IllegalTransition, TaskStatus

__all__ = [
    "REPLY_TO",
    "ArtefactSource",
    "AttemptStatus",
    "BuilderStatus",
    "LogTail",
    "TaskAttempt",
    "Tier",
    "acknowledge",
    "attempt_of",
    "attempt_statuses",
    "attempts_of",
    "cancel",
    "dispatch",
    "fleet",
    "free_slots",
    "known_slots",
    "latest_attempts",
    "log_tail",
    "release",
    "source_of",
    "unsettled",
    "working_slots",
]

REPLY_TO = "summit.settle"
SET_ASIDE_FOR = timedelta(minutes=1)
log = logging.getLogger(__name__)
_Remotes = dict[tuple[int, str], tuple[RemoteIndex, ...]]  # by profile and stream


@dataclass(frozen=True, kw_only=True)
class TaskAttempt:
    """A try of a task with what its builder's side says of it; `status` is None where avalanche forgot it."""

    reference: AttemptRef
    status: AttemptStatus | None


# What pages and the API ask


def fleet(*, at: datetime) -> list[BuilderStatus]:
    """Lists all builders for the fleet strip, by name."""
    return avalanche.fleet(at=at)


def free_slots(*, at: datetime) -> list[Slot]:
    """Lists the slots that may be offered work now, as the scheduler sees them."""
    return [_slot(slot) for slot in avalanche.free_slots(at=at)]


def working_slots(*, at: datetime) -> list[Slot]:
    """Lists all slots of builders that take work now, the busy ones too."""
    return [_slot(slot) for slot in avalanche.working_slots(at=at)]


def known_slots(*, since: datetime, at: datetime) -> list[Slot]:
    """Lists all slots of builders that were heard of since a moment and are not draining, silent or sick ones too."""
    return [_slot(slot) for slot in avalanche.known_slots(since=since, at=at)]


def _slot(slot: avalanche.FreeSlot) -> Slot:
    return Slot(
        builder=slot.builder,
        index=slot.slot,
        architecture=slot.architecture,
        isa_levels=slot.isa_levels,
        is_official=slot.tier is Tier.OFFICIAL,
        memory_limit=slot.memory_limit,
        disk_free=slot.disk_free,
        owner=slot.owner,
    )


def attempts_of(task: BuildTask) -> list[TaskAttempt]:
    """Lists a task's tries, newest first, in a bounded number of queries."""
    references = list(task.attempts.order_by("-number"))
    statuses = avalanche.attempt_statuses(attempts=[reference.attempt for reference in references])
    return [TaskAttempt(reference=row, status=statuses.get(row.attempt)) for row in references]


def latest_attempts(tasks: Iterable[BuildTask]) -> Mapping[int, TaskAttempt]:
    """Gives the newest try of each task by the task's id, in a bounded number of queries; untried ones are absent."""
    newest: dict[int, AttemptRef] = {}
    for row in AttemptRef.objects.filter(task__in=[task.pk for task in tasks]).order_by("number"):
        newest[row.task_id] = row
    statuses = avalanche.attempt_statuses(attempts=[row.attempt for row in newest.values()])
    return {key: TaskAttempt(reference=row, status=statuses.get(row.attempt)) for key, row in newest.items()}


def log_tail(attempt: UUID, *, limit: int) -> LogTail:
    """Reads the whole lines within the last `limit` bytes of an attempt's log."""
    return avalanche.log_tail(attempt=attempt, limit=limit)


def attempt_statuses(*, attempts: list[UUID]) -> Mapping[UUID, AttemptStatus]:
    """Reads many attempts in a bounded number of queries; unknown ones are absent."""
    return avalanche.attempt_statuses(attempts=attempts)


# What settling and lifecycle ask


def attempt_of(attempt: UUID) -> AttemptStatus | None:
    """Reads one attempt, None where avalanche knows of none."""
    try:
        return avalanche.attempt_status(attempt=attempt)
    except avalanche.UnknownAttempt:
        return None


def unsettled() -> list[UUID]:
    """Lists ended attempts whose consequences are not committed here."""
    return avalanche.unsettled(reply_to=REPLY_TO)


def acknowledge(attempt: UUID, *, at: datetime) -> None:
    """Tells avalanche that an attempt's consequences are committed."""
    avalanche.acknowledge(attempt=attempt, at=at)


def source_of(attempt: UUID) -> ArtefactSource:
    """Says where an attempt's artefacts are fetched."""
    return avalanche.artefact_source(attempt=attempt)


def release(attempt: UUID, *, at: datetime) -> None:
    """Lets the builder drop an attempt's artefacts."""
    try:
        avalanche.release_artefacts(attempt=attempt, at=at)
    except avalanche.UnknownAttempt:
        return


def cancel(task: BuildTask, *, at: datetime) -> None:
    """Ends a task's running attempt, if it has one."""
    for reference in task.attempts.unsettled():
        try:
            avalanche.cancel(attempt=reference.attempt, at=at)
        except avalanche.UnknownAttempt:
            continue


# Dispatch


def dispatch(*, at: datetime) -> int:
    """Gives free slots to ready tasks and says how many it gave.

    Any number of processes may do so at once: a task leaves the queue by compare-and-set, a slot by avalanche's, and
    who comes second goes on with the next pair.
    """
    slots = avalanche.working_slots(at=at)
    free = [_slot(slot) for slot in slots if slot.is_idle]
    busy = [_slot(slot) for slot in slots if not slot.is_idle]
    remotes: _Remotes = {}
    given = 0
    while free:
        found = lanes.look(free, busy, at=at)
        pairs = pair(found.ready, free, shares=found.shares, fleet=found.fleet)
        if not pairs:
            break
        tasks = BuildTask.objects.with_names().in_bulk([chosen.task for chosen in pairs])
        for chosen in pairs:
            free.remove(chosen.slot)
            task = tasks.get(chosen.task)
            if task is None:
                continue
            try:
                if _offer(task, chosen, remotes, at=at):
                    busy.append(chosen.slot)
                    given += 1
            except Exception:
                log.exception("could not offer %s", task)
                if _set_aside(task, at=at):
                    free.append(chosen.slot)
    return given


def _set_aside(task: BuildTask, *, at: datetime) -> bool:
    """Lets others go before a build that could not be offered, so that one fault never keeps a slot from them all."""
    sentence = "could not be offered to a builder because of a fault of the hub; others go before it for a while"
    set_aside = second_builds.set_aside if task.status == TaskStatus.VERIFYING else moves.set_aside
    return set_aside(task, until=at + SET_ASIDE_FOR, sentence=sentence, at=at)


def _offer(task: BuildTask, chosen: Pair, remotes: _Remotes, *, at: datetime) -> bool:
    attempt, slot = uuid4(), chosen.slot
    is_second = task.status == TaskStatus.VERIFYING
    try:  # what is only read is read before the transaction: SQLite has one writer
        order = _order_again(task, attempt) if is_second else _order(task, attempt, _remotes_of(task, remotes))
        with transaction.atomic():
            if is_second:
                second_builds.take(task, attempt, slot, at=at)
            else:
                task.start(at=at, sentence=f"offered to {slot.builder}, slot {slot.index}")
                AttemptRef.make(task=task, attempt=attempt, builder=slot.builder, slot=slot.index, at=at)
            avalanche.offer(
                order=order,
                task=str(task.pk),
                builder=slot.builder,
                slot=slot.index,
                reply_to=REPLY_TO,
                at=at,
            )
    except (IllegalTransition, IntegrityError, avalanche.SlotTaken, avalanche.UnknownAttempt):
        return False
    return True


def _remotes_of(task: BuildTask, known: _Remotes) -> tuple[RemoteIndex, ...]:
    place = (task.profile_id, task.stream)
    if place not in known:
        known[place] = publishing.remotes_of(task.profile, task.campaign)
    return known[place]


def _order_again(task: BuildTask, attempt: UUID) -> BuildOrder:
    """Gives what was ordered of the first build, remotes and all, for a second one."""
    first = avalanche.attempt_order(attempt=second_builds.first_attempt(task))
    return msgspec.structs.replace(first, attempt=attempt)


def _order(task: BuildTask, attempt: UUID, remotes: tuple[RemoteIndex, ...]) -> BuildOrder:
    return BuildOrder(
        attempt=attempt,
        title=task.title,
        purpose=BuildPurpose(task.purpose),
        source=Source(origin_uri=task.recipe.repository.origin_uri, commit=task.commit, recipe_path=task.recipe_path),
        source_name=task.source_name,
        version=task.version,
        release=task.release,
        build_release=task.build_release,
        architecture=task.architecture,
        isa_level=task.profile.isa_level,
        remotes=remotes,
        source_date_epoch=task.source_date_epoch,
        limits=Limits(
            wall_seconds=settings.SERPENT_BUILD_SECONDS,
            silence_seconds=settings.SERPENT_SILENCE_SECONDS,
            log_bytes=settings.SERPENT_LOG_BYTES,
        ),
        verify_manifest=_is_held_to_manifest(task),
    )


def _is_held_to_manifest(task: BuildTask) -> bool:
    """Says whether a build fails by its manifest: no test does, and no rebuild, made because things have moved."""
    is_first = task.build_release == 1
    return is_first and task.purpose == Purpose.OFFICIAL and task.profile.verifies_manifests


def who_could_take(profile: Profile, *, at: datetime) -> list[BuilderStatus]:
    """Lists the builders, busy or not, whose architecture and tier suit a profile."""
    needs_official = profile.purpose == Purpose.OFFICIAL
    return [
        builder
        for builder in fleet(at=at)
        if builder.architecture == profile.architecture and (builder.tier is Tier.OFFICIAL or not needs_official)
    ]
