"""Which ready task goes to which free slot, pure: nothing here looks anything up or changes anything."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A task that waits for nothing but a slot; `avoid` names builders on which it came to grief before."""

    key: int
    architecture: str
    isa_level: str  # "" for the architecture's baseline
    is_official: bool
    priority: float
    is_expedited: bool = False
    ready_since: datetime
    avoid: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot that may be offered work."""

    builder: str
    index: int
    architecture: str
    isa_levels: frozenset[str]
    is_official: bool
    memory_limit: int = 0  # bytes, 0 for none


@dataclass(frozen=True, slots=True)
class Pair:
    """One task for one slot."""

    task: int
    slot: Slot


def may_meet(task: Ready, slot: Slot) -> bool:
    """Says whether a slot may build a task at all: architecture, ISA level, and trust for official builds."""
    return (
        task.architecture == slot.architecture
        and (not task.isa_level or task.isa_level in slot.isa_levels)
        and (slot.is_official or not task.is_official)
    )


def pair(ready: Iterable[Ready], free: Iterable[Slot]) -> list[Pair]:
    """Pairs tasks and slots: the most urgent task first, each with the slot that the others can best do without.

    Urgent is what is expedited, then what the longest chain waits for, then what has waited longest. A builder to be
    avoided is taken only when no other could ever take the task now. A test build leaves official slots to the last.
    """
    slots = sorted(free, key=lambda slot: (slot.builder, slot.index))
    load: dict[str, int] = {}
    pairs: list[Pair] = []
    for task in sorted(ready, key=lambda task: (not task.is_expedited, -task.priority, task.ready_since, task.key)):
        if not slots:
            break
        fitting = [slot for slot in slots if may_meet(task, slot)]
        if not fitting:
            continue
        chosen = min(
            fitting,
            key=lambda slot: (
                slot.builder in task.avoid,
                slot.is_official and not task.is_official,
                len(slot.isa_levels),
                load.get(slot.builder, 0),
                slot.builder,
                slot.index,
            ),
        )
        slots.remove(chosen)
        load[chosen.builder] = load.get(chosen.builder, 0) + 1
        pairs.append(Pair(task.key, chosen))
    return pairs
