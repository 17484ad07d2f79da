"""What waits to be built a second time, for the scheduler: never by the owner whose builder built it first.

Nothing is asked of the database where no profile verifies its builds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from summit.fitting import room, suits
from summit.models import AttemptRef, BuildTask, Profile, Verification, urgency
from summit.models.tasks import BuildTaskQuerySet
from summit.scheduler import Share, Slot
from summit.states import IllegalTransition, TaskStatus

_SPARE = 50  # rows more than slots, for those that turn out not to fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Tasks by id with the owner who built each first, and by share the slots that second builds hold."""

    tasks: Mapping[int, BuildTask] = field(default_factory=dict)
    owners: Mapping[int, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)
    security_held: int = 0

    @property
    def shares(self) -> set[str]:
        """The shares of those that wait."""
        return {task.share for task in self.tasks.values()}

    def charge(self, shares: Mapping[str, Share]) -> dict[str, Share]:
        """Counts the slots that second builds hold among what shares have."""
        return {key: replace(share, running=share.running + self.held.get(key, 0)) for key, share in shares.items()}


def look(rows: BuildTaskQuerySet, profiles: Sequence[Profile], free: Sequence[Slot], *, at: datetime) -> Waiting:
    """Reads what free slots could build a second time, the most urgent of each profile and first owner."""
    verifying = {profile.pk: profile for profile in profiles if profile.verifies_builds}
    if not verifying:
        return Waiting()
    waiting = Verification.objects.waiting(at=at)
    tasks: dict[int, BuildTask] = {}
    owners: dict[int, int] = {}
    places = waiting.filter(task__profile__in=verifying).order_by().values_list("task__profile", "owner").distinct()
    for key, owner in places:
        others = [slot for slot in free if slot.owner != owner and suits(verifying[key], slot)]
        if others:
            here = waiting.filter(owner=owner, task__profile=key).values("task")
            fitting = rows.filter(room(verifying[key], others), status=TaskStatus.VERIFYING, pk__in=here)
            found = {task.pk: task for task in fitting.order_by(*urgency.FIRST)[: 2 * len(others) + _SPARE]}
            tasks |= found
            owners |= dict.fromkeys(found, owner)
    running = list(Verification.objects.running().values_list("task__share", "task__is_security"))
    held = Counter(share for share, _ in running)
    return Waiting(tasks=tasks, owners=owners, held=held, security_held=sum(mark for _, mark in running))


def first_attempt(task: BuildTask) -> UUID:
    """Names the attempt whose order is to be given once more; raises `IllegalTransition` where there is none."""
    return _open(task).built.attempt


def take(task: BuildTask, attempt: UUID, slot: Slot, *, at: datetime) -> None:
    """Takes a task for its second build on a slot; raises `IllegalTransition` when another has it."""
    verification = _open(task)
    verification.give(owner=slot.owner)
    task.start_again(at=at, sentence=f"offered to {slot.builder}, slot {slot.index}, to be built a second time")
    verification.note_second(
        AttemptRef.make(task=task, attempt=attempt, builder=slot.builder, slot=slot.index, at=at, is_second=True)
    )


def set_aside(task: BuildTask, *, until: datetime, sentence: str, at: datetime) -> bool:
    """Lets one that waits for its second build rest until then, and says whether it waited still."""
    with transaction.atomic():
        waiting = Verification.objects.waiting(at=at).filter(task=task).update(not_before=until) > 0
        if waiting:
            task.wait_again(at=at, sentence=sentence)
    return waiting


def _open(task: BuildTask) -> Verification:
    found = Verification.objects.open().select_related("built").filter(task=task).first()
    if found is None:
        raise IllegalTransition(f"{task} is not to be built a second time")
    return found
