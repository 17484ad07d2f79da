"""Trees larger than any that there is: the real tree's shape, over and over, each copy with its own names."""

from collections.abc import Collection, Sequence

from serpent_infra.formats.dependency import Capability
from summit.needs import Need, Node, Usage

SECONDS = 60.0


def many(nodes: Sequence[Node], size: int, *, usages: Collection[Usage]) -> list[Node]:
    """Copies nodes until there are `size`; keys count on, and a copy's needs are met by the same copy.

    Needs are copied where their usage is among `usages`.
    """
    found: list[Node] = []
    copy = 0
    while len(found) < size:
        capabilities: dict[Capability, Capability] = {}
        needs: dict[Need, Need] = {}
        for node in nodes[: size - len(found)]:
            for one in node.provides:
                capabilities.setdefault(one, Capability(one.kind, f"{one.target}~{copy}"))
            own = []
            for need in node.needs:
                if need.usage not in usages:
                    continue
                if need not in needs:
                    target = f"{need.capability.target}~{copy}"
                    needs[need] = Need(Capability(need.capability.kind, target), need.usage)
                own.append(needs[need])
            found.append(
                Node(
                    key=len(found),
                    name=f"{node.name}~{copy}",
                    title=f"{node.title}~{copy}",
                    provides=frozenset(capabilities[one] for one in node.provides),
                    needs=tuple(own),
                    seconds=SECONDS,
                )
            )
        copy += 1
    return found


def published(nodes: Sequence[Node]) -> frozenset[Capability]:
    """Gives all that nodes provide."""
    return frozenset[Capability]().union(*(node.provides for node in nodes))
