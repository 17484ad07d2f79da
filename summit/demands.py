"""Keeps what builds ask of slots: what was declared, what was learnt, and what the fleet has of it.

A declared need holds whatever the fleet has. A learnt one is asked for as far as some slot has it, and follows the
fleet as builders come and go; one that is silent counts for a day, so that a restart sends nothing big to a small slot.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf

from django.db.models import F, Q

from serpent_infra.wire.reports import FailureKind
from serpent_infra.words import amount
from summit import dispatch, estimates, suiting
from summit.estimates import Taken
from summit.fitting import any_build, as_ready
from summit.models import SHORTAGES, BuildTask, Profile, Requirement
from summit.scheduler import Slot
from summit.suiting import NOTHING, Room

REMEMBERED_FOR = timedelta(days=1)  # a builder that fell silent, for what is learnt
_MOST = 2000  # builds of a profile that are fitted in one go, the most urgent
_FIELDS = ("memory_bytes", "disk_bytes", "learnt_memory_bytes", "learnt_disk_bytes")


def learn(tasks: Collection[BuildTask], *, at: datetime) -> None:
    """Fills what unsaved tasks take, as declared and as earlier builds teach, in a bounded number of queries."""
    for architecture in {task.architecture for task in tasks}:
        here = [task for task in tasks if task.architecture == architecture]
        known = estimates.room({task.source_name for task in here}, architecture=architecture)
        for task in here:
            if found := known.get(task.source_name):
                task.learnt_memory_bytes, task.learnt_disk_bytes = found.memory, found.disk
    fit(tasks, at=at)


def fit(tasks: Collection[BuildTask], *, at: datetime) -> list[BuildTask]:
    """Sets, without saving, what tasks ask for to what suits the fleet, and gives those for which that changed."""
    declared = _declared({task.source_name for task in tasks})
    slots = known_slots(at=at) if any(learnt_by(task) != NOTHING for task in tasks) else []
    changed = []
    for task in tasks:
        wanted = declared.get((task.source_name, task.architecture)) or declared.get((task.source_name, "")) or NOTHING
        if (learnt := learnt_by(task)) != NOTHING:
            wanted = suiting.ask(
                replace(as_ready(task, task.profile), memory=wanted.memory, disk=wanted.disk), learnt, slots
            )
        if wanted != Room(memory=task.memory_bytes, disk=task.disk_bytes):
            task.memory_bytes, task.disk_bytes = wanted.memory, wanted.disk
            changed.append(task)
    return changed


def refit(*, at: datetime) -> int:
    """Lets ready builds of which past ones taught ask for as much as the fleet can give now, and counts changes.

    Only those are looked at that cannot go to every slot of their profile, or ask for less than they should.
    """
    slots = known_slots(at=at)
    rows: list[BuildTask] = []
    for profile in Profile.objects.running():
        fit_for = suiting.suitable(any_build(profile), slots)
        if fit_for:
            due = BuildTask.objects.due(at=at).filter(_is_choosy(fit_for), profile=profile).select_related("profile")
            rows += due.by_priority()[:_MOST]
    return _save(fit(rows, at=at))


def answer_shortage(task: BuildTask, status: dispatch.AttemptStatus, *, at: datetime) -> str:
    """Lets a build whose attempt ran out of memory or disk ask for more than it had; nothing for other failures.

    Gives the reason why no other try can help, in a clause, or "".
    """
    kind = status.failure_kind
    if kind is None or kind.value not in SHORTAGES:
        return ""
    taken = Taken(memory=status.memory_peak, disk=status.disk_peak, memory_limit=status.memory_limit, lacked=kind.value)
    lesson = estimates.learn([taken])
    task.learnt_memory_bytes = max(task.learnt_memory_bytes, lesson.memory)
    task.learnt_disk_bytes = max(task.learnt_disk_bytes, lesson.disk)
    fit([task], at=at)
    _save([task])
    if kind is not FailureKind.OUT_OF_MEMORY or not taken.memory_limit:
        return ""
    slots = suiting.suitable(any_build(task.profile), known_slots(at=at))
    if slots and max(suiting.memory_of(slot) for slot in slots) <= taken.memory_limit:
        return f"its slot has {amount(taken.memory_limit)}, and no slot for {task.architecture} has more"
    return ""


def known_slots(*, at: datetime) -> list[Slot]:
    """Lists the slots that count for what is learnt, of builders that are silent for the moment, too."""
    return dispatch.known_slots(since=at - REMEMBERED_FOR, at=at)


def learnt_by(task: BuildTask) -> Room:
    """Gives what earlier builds taught that a build takes."""
    return Room(memory=task.learnt_memory_bytes, disk=task.learnt_disk_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is known of a recipe on an architecture, "" where it was declared for all.

    `taken` is the most that its latest `attempts` took, `learnt` what is concluded from them.
    """

    architecture: str
    attempts: int = 0
    taken: Room = NOTHING
    learnt: Room = NOTHING
    declared: Room = NOTHING


def of_recipe(name: str) -> list[Demand]:
    """Gives what is known of a recipe by architecture, those for all first, in two queries."""
    taken, declared = estimates.taken_by(name), _declared({name})
    places = sorted({*taken, *(architecture for _, architecture in declared)})
    return [
        Demand(
            architecture=place,
            attempts=len(taken.get(place, ())),
            taken=_most(taken.get(place, ())),
            learnt=estimates.learn(taken.get(place, ())),
            declared=declared.get((name, place), NOTHING),
        )
        for place in places
    ]


def _most(attempts: Iterable[Taken]) -> Room:
    rows = list(attempts)
    return Room(
        memory=max((row.memory or 0 for row in rows), default=0), disk=max((row.disk or 0 for row in rows), default=0)
    )


def _declared(names: Collection[str]) -> dict[tuple[str, str], Room]:
    rows = Requirement.objects.filter(source_name__in=names)
    return {(row.source_name, row.architecture): Room(memory=row.memory_bytes, disk=row.disk_bytes) for row in rows}


def _is_choosy(slots: Sequence[Slot]) -> Q:
    """Filters to what not every one of the slots may take, or what should ask for more; of what something is learnt."""
    found = Q(memory_bytes__lt=F("learnt_memory_bytes")) | Q(disk_bytes__lt=F("learnt_disk_bytes"))
    for name, least in (
        ("memory_bytes__gt", min(suiting.memory_of(slot) for slot in slots)),
        ("disk_bytes__gt", min(suiting.disk_of(slot) for slot in slots)),
    ):
        if least != inf:
            found |= Q(**{name: least})
    return found & (Q(learnt_memory_bytes__gt=0) | Q(learnt_disk_bytes__gt=0))


def _save(tasks: Collection[BuildTask]) -> int:
    BuildTask.objects.bulk_update(tasks, _FIELDS, batch_size=_MOST)
    return len(tasks)
