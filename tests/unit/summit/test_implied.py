"""What is implied is waited for, and stops nobody: over any graph, in the cases that matter, and on the real tree."""

from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.formats.script.implied import implied_needs
from summit.graph import components
from summit.needs import BlockReason, EdgeKind, Need, Node, Usage
from summit.queue import Order, order

NOTHING: frozenset[Capability] = frozenset()


def node(
    key: int, *, implied: Iterable[str] = (), build: Iterable[str] = (), run: Iterable[str] = (), **facts: object
) -> Node:
    wanted = [Need(Capability.parse(text), Usage.BUILD) for text in build]
    wanted += [Need(Capability.parse(text), Usage.RUN) for text in run]
    values: dict[str, object] = {
        "key": key,
        "name": f"p{key}",
        "title": f"p{key} 1-1",
        "provides": frozenset({Capability.name(f"p{key}")}),
        "needs": tuple(wanted),
        "implied": tuple(map(Capability.parse, implied)),
    }
    return Node(**(values | facts))  # type: ignore[arg-type]


def kinds(found: Order) -> dict[tuple[int, int], tuple[Usage, EdgeKind]]:
    return {(edge.task, edge.needs): (edge.usage, edge.kind) for edge in found.edges}


def test_what_is_implied_is_waited_for_where_a_recipe_provides_it() -> None:
    found = order([node(1, implied=["p2"]), node(2)], offered=NOTHING)
    assert kinds(found) == {(1, 2): (Usage.IMPLIED, EdgeKind.HARD)}
    assert found.wave == {1: 1, 2: 0}
    assert found.priority[2] == 2.0


def test_what_nobody_provides_stops_nobody_and_is_no_news() -> None:
    found = order([node(1, implied=["clang", "binary(cmake)"])], offered=NOTHING)
    assert (kinds(found), dict(found.blocks), dict(found.warnings)) == ({}, {}, {})


def test_an_implied_need_gives_way_in_a_cycle_and_the_written_one_does_not() -> None:
    found = order([node(1, implied=["p2"]), node(2, build=["p1"])], offered=NOTHING)
    assert kinds(found) == {(1, 2): (Usage.IMPLIED, EdgeKind.STAGED), (2, 1): (Usage.BUILD, EdgeKind.HARD)}
    assert found.blocks == {}


def test_a_cycle_of_implied_needs_alone_is_no_reason_to_stop() -> None:
    found = order([node(1, implied=["p2"]), node(2, implied=["p1"])], offered=NOTHING)
    assert set(kinds(found).values()) == {(Usage.IMPLIED, EdgeKind.STAGED)}
    assert found.blocks == {}


def test_a_cycle_of_written_needs_stops_its_members_and_nobody_who_only_implies_them() -> None:
    nodes = [node(1, build=["p2"]), node(2, build=["p1"]), node(3, implied=["p1"])]
    found = order(nodes, offered=NOTHING)
    assert {key: block.reason for key, block in found.blocks.items()} == {1: BlockReason.CYCLE, 2: BlockReason.CYCLE}
    assert kinds(found)[3, 1] == (Usage.IMPLIED, EdgeKind.STAGED)


@pytest.mark.parametrize("stuck", ["failed", ""], ids=["failed", "in review"])
def test_what_is_not_going_to_be_built_is_not_waited_for(stuck: str) -> None:
    nodes = [node(1, implied=["p2"], waits_for=frozenset({2})), node(2, is_going=False, stuck=stuck)]
    found = order(nodes, offered=NOTHING)
    assert (kinds(found), dict(found.blocks)) == ({}, {})


@pytest.mark.parametrize("usage", ["build", "run"])
def test_of_two_reasons_for_an_edge_the_written_one_is_kept(usage: str) -> None:
    found = order(
        [node(1, implied=["p2"], needs=(Need(Capability.name("p2"), Usage(usage)),)), node(2)], offered=NOTHING
    )
    assert kinds(found) == {(1, 2): (Usage(usage), EdgeKind.HARD)}


def test_what_another_need_waits_for_already_makes_no_edge() -> None:
    nodes = [node(1), node(2, build=["p1"]), node(3, implied=["p1", "p2"]), node(4, implied=["p1", "p2"], build=["p3"])]
    found = order(nodes, offered=NOTHING)
    assert kinds(found) == {
        (2, 1): (Usage.BUILD, EdgeKind.HARD),
        (3, 2): (Usage.IMPLIED, EdgeKind.HARD),
        (4, 3): (Usage.BUILD, EdgeKind.HARD),
    }


graphs = st.integers(1, 10).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.dictionaries(
            st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), st.sampled_from(["build", "implied", "run"])
        ),
        st.sets(st.integers(0, size - 1)),
        st.sets(st.integers(0, size - 1)),
    )
)
Graph = tuple[int, dict[tuple[int, int], str], set[int], set[int]]


def solve(graph: Graph, *, with_implied: bool) -> Order:
    size, edges, published, held = graph
    kinds_of = {"build", "run", *(["implied"] if with_implied else [])}
    nodes = [
        node(
            key,
            is_going=key not in held,
            stuck="failed" if key in held else "",
            **{
                kind: [f"p{other}" for (task, other), of in sorted(edges.items()) if task == key and of == kind]
                for kind in kinds_of
            },
        )
        for key in range(size)
    ]
    return order(nodes, offered=frozenset(Capability.name(f"p{key}") for key in published))


@given(graphs)
def test_implied_needs_change_neither_what_is_blocked_nor_any_other_edge(graph: Graph) -> None:
    without, found = solve(graph, with_implied=False), solve(graph, with_implied=True)
    assert found.blocks == without.blocks
    assert {pair: kind for pair, kind in kinds(found).items() if kind[0] is not Usage.IMPLIED} == kinds(without)


@given(graphs)
def test_what_is_not_blocked_waits_for_nothing_that_cannot_end(graph: Graph) -> None:
    found = solve(graph, with_implied=True)
    for (task, needs), (usage, kind) in kinds(found).items():
        if kind is EdgeKind.HARD and task not in found.blocks:
            if usage is Usage.IMPLIED:
                assert needs not in found.blocks
                assert needs not in graph[3]
            if task not in graph[3] and needs not in graph[3]:
                assert found.wave[needs] < found.wave[task]


@given(graphs)
def test_every_implied_need_is_an_edge_or_is_waited_for_by_another(graph: Graph) -> None:
    found, without = solve(graph, with_implied=True), solve(graph, with_implied=False)
    # All of them as edges, each of which gives way in a cycle of all: what the few edges must come to.
    halted = graph[3] | without.blocks.keys()
    implied = {
        pair for pair, kind in graph[1].items() if kind == "implied" and pair[0] != pair[1] and pair[1] not in graph[3]
    }
    implied = {(task, needs) for task, needs in implied if needs not in without.wants[task]}
    written = {edge[:2] for edge in without.edges if edge.kind is EdgeKind.HARD}
    joined = successors(written | {(task, needs) for task, needs in implied if needs not in halted}, graph[0])
    place = {key: number for number, group in enumerate(components(joined)) for key in group}
    gives_way = {(task, needs) for task, needs in implied if needs in halted or place[task] == place[needs]}
    assert {pair for pair, kind in kinds(found).items() if kind == (Usage.IMPLIED, EdgeKind.STAGED)} == gives_way
    few = {edge[:2] for edge in found.edges if edge.kind is EdgeKind.HARD}
    assert closure(few, graph[0]) == closure(written | (implied - gives_way), graph[0])


def successors(pairs: Iterable[tuple[int, int]], size: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {key: [] for key in range(size)}
    for task, needs in sorted(pairs):
        found[task].append(needs)
    return found


def closure(pairs: set[tuple[int, int]], size: int) -> set[tuple[int, int]]:
    found = set(pairs)
    for middle, task, needs in product(range(size), repeat=3):
        if (task, middle) in found and (middle, needs) in found:
            found.add((task, needs))
    return found


@pytest.mark.real_data
def test_the_real_tree_with_what_its_macros_and_build_roots_imply(recipe_tree: Path) -> None:
    nodes: list[Node] = []
    needs: dict[Capability, Need] = {}
    for key, path in enumerate(sorted(recipe_tree.glob("*/*/manifest.x86_64.bin"))):
        packages = decode_manifest(path)
        wanted = {capability for package in packages for capability in package.build_depends}
        recipe = parse_recipe((path.parent / "stone.yaml").read_bytes())
        provides = frozenset(capability for package in packages for capability in package.providers)
        nodes.append(
            node(
                key,
                provides=provides,
                needs=tuple(needs.setdefault(one, Need(one)) for one in sorted(wanted)),
                implied=[need.text for need in implied_needs(recipe, "x86_64")],
            )
        )
    offered = frozenset(capability for one in nodes for capability in one.provides)
    found = order(nodes, offered=offered)
    counts = Counter(kinds(found).values())
    assert counts == {
        (Usage.BUILD, EdgeKind.HARD): 8_562,
        (Usage.BUILD, EdgeKind.STAGED): 1_882,
        (Usage.IMPLIED, EdgeKind.HARD): 9_467,
        (Usage.IMPLIED, EdgeKind.STAGED): 1_323,
    }
    assert found.blocks == {}
    assert max(found.wave.values()) == 22, "four waves more than without: a toolchain comes before all"
    graph = {one.key: list(found.wants[one.key]) for one in nodes}
    assert sorted((len(group) for group in components(graph) if len(group) > 1), reverse=True) == [556, 2]
    hard = {one.key: [other for other in graph[one.key] if other not in found.staged.get(one.key, ())] for one in nodes}
    assert all(len(group) == 1 for group in components(hard))
