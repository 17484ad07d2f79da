"""Puts what macros, toolchain and build root imply into an order, pure: such needs are waited for, and stop nobody.

Nobody wrote them down, and the base image may offer them. So an implied edge gives way wherever it would close a cycle,
or lead to what cannot go on: what was there before is used then. It never makes an edge of a recipe's own give way.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet

from serpent_infra.formats.dependency import Capability
from summit.graph import components
from summit.matching import Reason
from summit.needs import Need, Node, Usage


def add_implied(
    nodes: Sequence[Node],
    wants: dict[int, dict[int, Reason]],
    staged: dict[int, set[int]],
    *,
    hard: Mapping[int, Collection[int]],
    blocked: Collection[int],
    offered: AbstractSet[Capability],
) -> bool:
    """Adds implied edges to `wants`, and those that give way to `staged`, too; says whether there was any.

    `hard` are the edges that are waited for without them, `blocked` the tasks that cannot run.
    """
    added = _added(nodes, wants, offered)
    if not added:
        return False
    going = {task: [needs for needs in row if needs not in blocked] for task, row in added.items()}
    joined = {task: [*row, *going[task]] if going.get(task) else row for task, row in hard.items()}
    place = {key: number for number, group in enumerate(components(joined)) for key in group}
    for task, row in added.items():
        kept = {needs for needs in going[task] if place[needs] != place[task]}
        staged.setdefault(task, set()).update(row.keys() - kept)
        wants[task].update(row)
    return True


def _added(
    nodes: Sequence[Node], wants: Mapping[int, Mapping[int, Reason]], offered: AbstractSet[Capability]
) -> dict[int, dict[int, Reason]]:
    """Finds by task those who will provide what is implied, where no other need leads to them already."""
    wanted = {need.capability for node in nodes for need in node.needs if need.usage is Usage.IMPLIED}
    providers: dict[Capability, list[int]] = {}
    for node in nodes:
        if node.is_going:
            for capability in node.provides & wanted:
                providers.setdefault(capability, []).append(node.key)
    reasons = {one: Reason(Need(one, Usage.IMPLIED), one in offered) for one in providers}
    added = {}
    for node in nodes:
        known = wants[node.key]
        row: dict[int, Reason] = {}
        for need in node.needs:
            if need.usage is Usage.IMPLIED and need.capability in providers:
                for other in providers[need.capability]:
                    if other != node.key and other not in known:
                        row.setdefault(other, reasons[need.capability])
        if row:
            added[node.key] = row
    return added
