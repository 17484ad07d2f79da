"""Strongly connected components of a graph, without recursion: Tarjan 1972, once what is in no cycle is peeled off."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

Graph = Mapping[int, Collection[int]]


def components(graph: Graph) -> list[list[int]]:
    """Lists the strongly connected components; every successor's component comes before its own.

    `graph` maps each node to its successors, all of which are nodes.
    """
    # Whoever is needed by no cycle, or needs none, is a component alone: most nodes of a real tree, and cheaper so.
    latest = _peel(graph, Counter(chain.from_iterable(graph.values())))
    if len(latest) == len(graph):
        return [[node] for node in reversed(latest)]
    inner = graph.keys() - set(latest)
    predecessors: dict[int, list[int]] = {node: [] for node in graph if node in inner}
    for node in predecessors:
        for successor in graph[node]:  # all of them are inner ones: a node that is needed by one is one
            predecessors[successor].append(node)
    first = _peel(predecessors, {node: len(graph[node]) for node in predecessors})
    core = inner - set(first)
    search = _Search({node: [other for other in graph[node] if other in core] for node in predecessors if node in core})
    return [*([node] for node in first), *search.run(), *([node] for node in reversed(latest))]


def split(groups: Iterable[list[int]], graph: Graph) -> list[list[int]]:
    """Gives the components of a graph that lacks some edges inside the given components of what it was before."""
    found: list[list[int]] = []
    for group in groups:
        if len(group) == 1:
            found.append(group)
        else:
            members = set(group)
            found += components({node: [other for other in graph[node] if other in members] for node in group})
    return found


def _peel(graph: Graph, degrees: Mapping[int, int]) -> list[int]:
    """Lists the nodes that no cycle leads to, predecessors first (Kahn 1962); `degrees` counts the edges to each."""
    left = {**dict.fromkeys(graph, 0), **degrees}
    peeled = [node for node, count in left.items() if not count]
    for node in peeled:  # grows meanwhile
        for other in graph[node]:
            if left[other] > 1:
                left[other] -= 1
            else:
                peeled.append(other)
    return peeled


class _Search:
    """One depth-first search over the whole graph, its stack kept by hand."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.index: dict[int, int] = {}
        self.low: dict[int, int] = {}
        self.stack: list[int] = []
        self.on_stack: set[int] = set()
        self.found: list[list[int]] = []

    def run(self) -> list[list[int]]:
        """Finds all components."""
        for node in self.graph:
            if node not in self.index:
                self._run_from(node)
        return self.found

    def _run_from(self, start: int) -> None:
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
