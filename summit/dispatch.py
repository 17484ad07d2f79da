"""summit's side of avalanche's door: ready tasks become orders for free slots, and what the fleet and its attempts do.

The only module of summit that knows avalanche. It does not decide what an ended attempt means: `settling.py` does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction

from avalanche import interfaces as avalanche
from avalanche.interfaces import ArtefactSource, AttemptStatus, BuilderStatus, LogTail, Tier
from serpent_infra.wire.orders import BuildOrder, BuildPurpose, Limits, RemoteIndex, Source
from summit import publishing
from summit.models import AttemptRef, BuildTask, Profile, Purpose
from summit.scheduler import Pair, Ready, Slot, pair
from summit.states import IllegalTransition

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
    "latest_attempts",
    "log_tail",
    "release",
    "source_of",
    "unsettled",
]

REPLY_TO = "summit.settle"
# More than any fleet has slots: what the scheduler looks at in one go.
_READY_LIMIT = 2000
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
    return [
        Slot(
            builder=slot.builder,
            index=slot.slot,
            architecture=slot.architecture,
            isa_levels=slot.isa_levels,
            is_official=slot.tier is Tier.OFFICIAL,
            memory_limit=slot.memory_limit,
        )
        for slot in avalanche.free_slots(at=at)
    ]


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
    free = free_slots(at=at)
    if not free:
        return 0
    tasks = {
        task.pk: task
        for task in BuildTask.objects.ready(at=at)
        .by_priority()
        .with_names()
        .prefetch_related("attempts")[:_READY_LIMIT]
    }
    remotes: _Remotes = {}
    return sum(_offer(tasks[chosen.task], chosen, remotes, at=at) for chosen in pair(map(_ready, tasks.values()), free))


def _ready(task: BuildTask) -> Ready:
    troubled = (row.builder for row in task.attempts.all() if row.outcome not in {"", "succeeded"})
    return Ready(
        key=task.pk,
        architecture=task.architecture,
        isa_level=task.profile.isa_level,
        is_official=task.purpose == Purpose.OFFICIAL,
        priority=task.priority,
        is_expedited=task.is_expedited,
        ready_since=task.queued_at or task.created_at,
        avoid=frozenset(troubled),
    )


def _offer(task: BuildTask, chosen: Pair, remotes: _Remotes, *, at: datetime) -> bool:
    attempt, slot, place = uuid4(), chosen.slot, (task.profile_id, task.stream)
    try:
        with transaction.atomic():
            task.start(at=at, sentence=f"offered to {slot.builder}, slot {slot.index}")
            AttemptRef.make(task=task, attempt=attempt, builder=slot.builder, slot=slot.index, at=at)
            if place not in remotes:
                remotes[place] = publishing.remotes_of(task.profile, task.campaign)
            avalanche.offer(
                order=_order(task, attempt, remotes[place]),
                task=str(task.pk),
                builder=slot.builder,
                slot=slot.index,
                reply_to=REPLY_TO,
                at=at,
            )
    except (IllegalTransition, IntegrityError, avalanche.SlotTaken):
        return False
    return True


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
        remotes=remotes,
        source_date_epoch=task.source_date_epoch,
        limits=Limits(
            wall_seconds=settings.SERPENT_BUILD_SECONDS,
            silence_seconds=settings.SERPENT_SILENCE_SECONDS,
            log_bytes=settings.SERPENT_LOG_BYTES,
        ),
    )


def who_could_take(profile: Profile, *, at: datetime) -> list[BuilderStatus]:
    """Lists the builders, busy or not, whose architecture and tier suit a profile."""
    needs_official = profile.purpose == Purpose.OFFICIAL
    return [
        builder
        for builder in fleet(at=at)
        if builder.architecture == profile.architecture and (builder.tier is Tier.OFFICIAL or not needs_official)
    ]
