"""Why no slot takes a ready build, pure: the first of its requirements that nothing in the fleet meets."""

from collections.abc import Callable, Sequence

from serpent_infra.words import amount
from summit.scheduler import Ready, Slot, may_meet


def suitable(task: Ready, slots: Sequence[Slot]) -> list[Slot]:
    """Lists the slots, busy or not, that may take a build."""
    return [slot for slot in slots if may_meet(task, slot)]


def obstacle(task: Ready, slots: Sequence[Slot]) -> str:
    """Says in a clause what a build needs that no working slot has; "" where one may take it, or none works."""
    left = list(slots)
    for meets, complain in _requirements(task):
        fit = [slot for slot in left if meets(slot)]
        if left and not fit:
            return complain(left)
        left = fit
    return ""


def _requirements(task: Ready) -> list[tuple[Callable[[Slot], bool], Callable[[list[Slot]], str]]]:
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
            lambda slot: not slot.memory_limit or task.memory <= slot.memory_limit,
            lambda left: (
                f"needs {amount(task.memory)} of memory, and the largest slot has "
                f"{amount(max(slot.memory_limit for slot in left))}"
            ),
        ),
        (
            lambda slot: slot.disk_free is None or task.disk <= slot.disk_free,
            lambda left: (
                f"needs {amount(task.disk)} of disk, and the builder with the most has "
                f"{amount(max(slot.disk_free or 0 for slot in left))} free"
            ),
        ),
    ]
