"""Which slots may take a build, and why none does; and what to ask of a slot where past builds teach it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from serpent_infra.words import amount
from summit.scheduler import Ready, Slot, may_meet


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a build takes of a slot at most, in bytes; 0 where nobody knows."""

    memory: int = 0
    disk: int = 0


NOTHING = Room()


def suitable(task: Ready, slots: Sequence[Slot]) -> list[Slot]:
    """Lists the slots, busy or not, that may take a build."""
    return [slot for slot in slots if may_meet(task, slot)]


def ask(declared: Ready, learnt: Room, slots: Sequence[Slot]) -> Room:
    """Gives what a build should ask of a slot: what was declared, or what was learnt where that is more.

    What was declared holds whatever the fleet has. What was learnt is a guess: it is asked for only as far as some slot
    that may take the build as declared has it, the memory first, so that a guess never keeps a build waiting for ever.
    """
    fit = suitable(declared, slots)
    if not fit:  # nobody can take it anyway, and who comes is not known
        return Room(memory=max(declared.memory, learnt.memory), disk=max(declared.disk, learnt.disk))
    memory = max(declared.memory, int(min(learnt.memory, max(memory_of(slot) for slot in fit))))
    roomy = [slot for slot in fit if memory_of(slot) >= memory]
    return Room(memory=memory, disk=max(declared.disk, int(min(learnt.disk, max(disk_of(slot) for slot in roomy)))))


def memory_of(slot: Slot) -> float:
    """Gives what memory a slot has, in bytes; infinitely much where nothing limits it."""
    return slot.memory_limit or inf


def disk_of(slot: Slot) -> float:
    """Gives what disk a slot's builder has left, in bytes; infinitely much where nothing is known."""
    return inf if slot.disk_free is None else slot.disk_free


def obstacle(task: Ready, slots: Sequence[Slot], *, learnt: Room = NOTHING) -> str:
    """Says in a clause what a build needs that no working slot has; "" where one may take it, or none works."""
    left = list(slots)
    for meets, complain in _requirements(task, learnt):
        fit = [slot for slot in left if meets(slot)]
        if left and not fit:
            return complain(left)
        left = fit
    return ""


def shortfall(task: Ready, slots: Sequence[Slot], *, learnt: Room) -> str:
    """Says in a clause what a build probably needs beyond what it asks for, because no slot has it; else ""."""
    wants = []
    if learnt.memory > task.memory:
        wants.append(f"{amount(learnt.memory)} of memory")
    if learnt.disk > task.disk:
        wants.append(f"{amount(learnt.disk)} of disk")
    if not wants or not slots:
        return ""
    return f"needs about {' and '.join(wants)} and no slot for {task.architecture} has it, so the largest tries it"


def _requirements(task: Ready, learnt: Room) -> list[tuple[Callable[[Slot], bool], Callable[[list[Slot]], str]]]:
    """Lists what a build asks of a slot, each with what to say when none of those that met the others meets it."""
    return [
        (
            lambda slot: slot.architecture == task.architecture,
            lambda _: f"needs a builder for {task.architecture}, and no such builder works now",
        ),
        (
            lambda slot: not task.isa_level or task.isa_level in slot.isa_levels,
            lambda _: f"needs {task.isa_level}, and no such slot works now",
        ),
        (
            lambda slot: slot.is_official or not task.is_official,
            lambda left: (
                f"is an official build, and none of the {len(left)} slots that could take it is trusted with those"
            ),
        ),
        (
            lambda slot: task.other_than is None or slot.owner != task.other_than,
            lambda left: (
                f"needs a builder of another owner to build it a second time, and all {len(left)} slots that could "
                "take it are of the owner whose builder built it"
            ),
        ),
        (
            lambda slot: memory_of(slot) >= task.memory,
            lambda left: (
                f"needs {_about(task.memory, learnt.memory)} of memory, and the largest slot has "
                f"{amount(max(slot.memory_limit for slot in left))}"
            ),
        ),
        (
            lambda slot: disk_of(slot) >= task.disk,
            lambda left: (
                f"needs {_about(task.disk, learnt.disk)} of disk, and the builder with the most has "
                f"{amount(max(slot.disk_free or 0 for slot in left))} free"
            ),
        ),
    ]


def _about(asked: int, learnt: int) -> str:
    """Says how much is asked for, and where it was learnt that this is only about right."""
    return f"about {amount(asked)}" if learnt >= asked else amount(asked)
