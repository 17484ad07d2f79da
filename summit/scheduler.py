"""Which ready task goes to which free slot, pure: nothing here looks anything up or changes anything.

A freed slot goes to what a person put first, then to a security build while those hold less than their reserve, then to
the share (a group, a person, a campaign) that holds the fewest slots for its weight; within a share to the longest
chain that waits, every second of waiting counting as much as one of the chain, so that nothing waits for ever.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A task that waits for nothing but a slot; `avoid` names builders on which it came to grief before.

    `memory` and `disk` are bytes that its build takes at most, 0 where nobody knows. `share` is whose it is.
    """

    key: int
    architecture: str
    isa_level: str  # "" for the architecture's baseline
    is_official: bool
    priority: float  # seconds of the longest chain that waits for it
    ready_since: datetime
    share: str = ""
    is_expedited: bool = False
    is_security: bool = False
    memory: int = 0
    disk: int = 0
    avoid: frozenset[str] = frozenset()
    other_than: int | None = None  # an owner whose builders must not have it: they built it first

    @property
    def urgency(self) -> float:
        """Chain and waiting time in one number: the difference of two is the same at any moment."""
        return self.priority - self.ready_since.timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot, free or not; memory and disk in bytes, 0 and None where there is no limit or nothing is known."""

    builder: str
    index: int
    architecture: str
    isa_levels: frozenset[str]
    is_official: bool
    memory_limit: int = 0
    disk_free: int | None = None
    owner: int = 0  # whose builder it is, 0 where it is nobody's in particular


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a share may have and has: the slots it holds now, and the seconds of building it got lately."""

    weight: float = 1.0
    running: int = 0
    served: float = 0.0


_NEW = Share()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Who else is there: slots that are busy now, how many of them build for security, and these builds' reserve.

    `security_reserve` is the part of all slots up to which security builds go before everything that is not expedited.
    """

    busy: Sequence[Slot] = ()
    security_running: int = 0
    security_reserve: float = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """One task for one slot."""

    task: int
    slot: Slot


def may_meet(task: Ready, slot: Slot) -> bool:
    """Says whether a slot may build a task: architecture, ISA level, trust for official builds, owner, memory, disk."""
    return (
        task.architecture == slot.architecture
        and (not task.isa_level or task.isa_level in slot.isa_levels)
        and (slot.is_official or not task.is_official)
        and (task.other_than is None or slot.owner != task.other_than)
        and (not slot.memory_limit or task.memory <= slot.memory_limit)
        and (slot.disk_free is None or task.disk <= slot.disk_free)
    )


def pair(
    ready: Iterable[Ready],
    free: Iterable[Slot],
    *,
    shares: Mapping[str, Share] | None = None,
    fleet: Fleet | None = None,
) -> list[Pair]:
    """Pairs tasks and slots: the most urgent task first, each with the slot that the others can best do without.

    A builder to be avoided is taken only where the fleet has no other that may build the task, free or busy. A share
    that is not in `shares` has weight 1 and got nothing yet.
    """
    draft = _Draft(free, fleet or Fleet())
    queue = _Queue(ready, shares or {}, reserve=_reserve(draft))
    while draft.slots and (task := queue.take()) is not None:
        if draft.place(task):
            queue.note_placed(task)
    return draft.pairs


def _reserve(draft: "_Draft") -> int:
    """How many more security builds go before what is not expedited."""
    fleet = draft.fleet
    return ceil(fleet.security_reserve * (len(draft.slots) + len(fleet.busy))) - fleet.security_running


def rank(share: Share, granted: int = 0) -> tuple[float, float]:
    """Orders shares, the smallest first: slots held for the weight, then time got lately for the weight."""
    return (share.running + granted) / share.weight, share.served / share.weight


class _Queue:
    """The ready tasks in the order in which they are offered a slot; each is offered once."""

    def __init__(self, ready: Iterable[Ready], shares: Mapping[str, Share], *, reserve: int) -> None:
        self.shares = shares
        self.reserve = reserve
        self.granted: dict[str, int] = {}
        self.expedited: list[Ready] = []
        self.security: list[Ready] = []
        self.others: dict[str, list[Ready]] = {}
        for task in sorted(ready, key=lambda task: (task.urgency, -task.key)):  # the most urgent at the end
            if task.is_expedited:
                self.expedited.append(task)
            elif task.is_security:
                self.security.append(task)
            else:
                self.others.setdefault(task.share, []).append(task)

    def take(self) -> Ready | None:
        """Gives the next task; None when there is none left."""
        if self.expedited:
            return self.expedited.pop()
        if self.security and self.reserve > 0:
            return self.security.pop()
        for task in self.security:  # above the reserve they take their turn in their share, where they go first
            self.others.setdefault(task.share, []).append(task)
        self.security = []
        if not self.others:
            return None
        share = min(self.others, key=self._rank)
        task = self.others[share].pop()
        if not self.others[share]:
            del self.others[share]
        return task

    def note_placed(self, task: Ready) -> None:
        """Counts a slot that a task was given against its share, and against the reserve."""
        self.reserve -= task.is_security
        self.granted[task.share] = self.granted.get(task.share, 0) + 1

    def _rank(self, share: str) -> tuple[float, float, float, str]:
        known = self.shares.get(share, _NEW)
        return (*rank(known, self.granted.get(share, 0)), -self.others[share][-1].urgency, share)


class _Draft:
    """The slots that are still free while pairs are made."""

    def __init__(self, free: Iterable[Slot], fleet: Fleet) -> None:
        self.slots = sorted(free, key=lambda slot: (slot.builder, slot.index))
        self.fleet = fleet
        self.everything = [*self.slots, *fleet.busy]
        self.load: dict[str, int] = {}
        self.disk: dict[str, int] = {}  # bytes that tasks placed here will take of a builder's disk
        self.pairs: list[Pair] = []
        for slot in fleet.busy:
            self.load[slot.builder] = self.load.get(slot.builder, 0) + 1

    def place(self, task: Ready) -> bool:
        """Gives a task the best of the free slots; False when none is fit."""
        fitting = [slot for slot in self.slots if may_meet(task, slot) and self._has_disk(task, slot)]
        if task.avoid and any(slot.builder not in task.avoid and may_meet(task, slot) for slot in self.everything):
            fitting = [slot for slot in fitting if slot.builder not in task.avoid]
        if not fitting:
            return False
        chosen = min(
            fitting,
            key=lambda slot: (
                slot.is_official and not task.is_official,
                len(slot.isa_levels),
                slot.memory_limit or float("inf"),
                self.load.get(slot.builder, 0),
                slot.builder,
                slot.index,
            ),
        )
        self.slots.remove(chosen)
        self.load[chosen.builder] = self.load.get(chosen.builder, 0) + 1
        self.disk[chosen.builder] = self.disk.get(chosen.builder, 0) + task.disk
        self.pairs.append(Pair(task.key, chosen))
        return True

    def _has_disk(self, task: Ready, slot: Slot) -> bool:
        return slot.disk_free is None or self.disk.get(slot.builder, 0) + task.disk <= slot.disk_free
