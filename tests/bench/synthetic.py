"""Trees larger than any that there is: the real tree's shape, over and over, each copy with its own names."""

from collections.abc import Collection, Sequence

from serpent_infra.formats.dependency import Capability
from summit.needs import Need, Node, Usage

SECONDS = 60.0


def many(nodes: Sequence[Node], size: int, *, usages: Collection[Usage]) -> list[Node]:
    """Copies nodes until there are `size`; keys count on, and a copy's needs are met by the same copy.

    Needs, and what is implied, are copied where their usage is among `usages`; equal ones are one, as in a real tree.
    """
    found: list[Node] = []
    while len(found) < size:
        names = _Names(f"~{len(found) // len(nodes)}")
        for node in nodes[: size - len(found)]:
            found.append(
                Node(
                    key=len(found),
                    name=f"{node.name}{names.suffix}",
                    title=f"{node.title}{names.suffix}",
                    provides=frozenset(map(names.capability, node.provides)),
                    needs=tuple(names.need(need) for need in node.needs if need.usage in usages),
                    implied=names.bundle(node.implied) if Usage.IMPLIED in usages else (),
                    seconds=SECONDS,
                )
            )
    return found


class _Names:
    """The names of one copy, each made once."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix
        self._capabilities: dict[Capability, Capability] = {}
        self._needs: dict[Need, Need] = {}
        self._bundles: dict[tuple[Capability, ...], tuple[Capability, ...]] = {}

    def capability(self, one: Capability) -> Capability:
        if one not in self._capabilities:
            self._capabilities[one] = Capability(one.kind, f"{one.target}{self.suffix}")
        return self._capabilities[one]

    def need(self, one: Need) -> Need:
        if one not in self._needs:
            self._needs[one] = Need(self.capability(one.capability), one.usage)
        return self._needs[one]

    def bundle(self, implied: tuple[Capability, ...]) -> tuple[Capability, ...]:
        if implied not in self._bundles:
            self._bundles[implied] = tuple(map(self.capability, implied))
        return self._bundles[implied]


def published(nodes: Sequence[Node]) -> frozenset[Capability]:
    """Gives all that nodes provide."""
    return frozenset[Capability]().union(*(node.provides for node in nodes))
