"""Strongly connected components of a graph, without recursion (Tarjan 1972)."""

from collections.abc import Iterator, Mapping, Sequence


def components(graph: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """Lists the strongly connected components; every successor's component comes before its own.

    `graph` maps each node to its successors, all of which are nodes.
    """
    search = _Search(graph)
    for node in graph:
        if node not in search.index:
            search.run(node)
    return search.found


class _Search:
    """One depth-first search over the whole graph, its stack kept by hand."""

    def __init__(self, graph: Mapping[int, Sequence[int]]) -> None:
        self.graph = graph
        self.index: dict[int, int] = {}
        self.low: dict[int, int] = {}
        self.stack: list[int] = []
        self.on_stack: set[int] = set()
        self.found: list[list[int]] = []

    def run(self, start: int) -> None:
        """Finds all components that can be reached from `start` and were not found before."""
        path: list[tuple[int, Iterator[int]]] = [self._enter(start)]
        while path:
            node, successors = path[-1]
            for successor in successors:
                if successor not in self.index:
                    path.append(self._enter(successor))
                    break
                if successor in self.on_stack:
                    self.low[node] = min(self.low[node], self.index[successor])
            else:
                path.pop()
                if path:
                    parent = path[-1][0]
                    self.low[parent] = min(self.low[parent], self.low[node])
                if self.low[node] == self.index[node]:
                    self._leave(node)

    def _enter(self, node: int) -> tuple[int, Iterator[int]]:
        self.index[node] = self.low[node] = len(self.index)
        self.stack.append(node)
        self.on_stack.add(node)
        return node, iter(self.graph[node])

    def _leave(self, node: int) -> None:
        group: list[int] = []
        while not group or group[-1] != node:
            member = self.stack.pop()
            self.on_stack.discard(member)
            group.append(member)
        self.found.append(group)
