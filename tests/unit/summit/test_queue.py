"""The order of builds: laws over any graph, and the sentences of the cases that matter."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.dependency import Capability
from summit.graph import components, split
from summit.needs import BlockReason, EdgeKind, Need, Node, Usage
from summit.queue import Order, order


def node(
    key: int,
    *,
    provides: Iterable[str] = (),
    needs: Iterable[str] = (),
    run: Iterable[str] = (),
    name: str = "",
    **facts: object,
) -> Node:
    name = name or f"p{key}"
    wanted = [Need(Capability.parse(text)) for text in needs]
    wanted += [Need(Capability.parse(text), Usage.RUN) for text in run]
    values = {
        "key": key,
        "name": name,
        "title": f"{name} 1-1",
        "provides": frozenset(map(Capability.parse, (name, *provides))),
        "needs": tuple(wanted),
    }
    return Node(**(values | facts))  # type: ignore[arg-type]


def offered(*texts: str) -> frozenset[Capability]:
    return frozenset(map(Capability.parse, texts))


def pairs(found: Order, kind: EdgeKind = EdgeKind.HARD) -> set[tuple[int, int]]:
    return {(edge.task, edge.needs) for edge in found.edges if edge.kind is kind}


# Any graph: up to 12 tasks, each needing some others, some of them published.

graphs = st.integers(1, 12).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.sets(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))),
        st.sets(st.integers(0, size - 1)),
        st.sets(st.integers(0, size - 1)),
    )
)
Graph = tuple[int, set[tuple[int, int]], set[int], set[int]]


def solve(graph: Graph, *, run: bool = False) -> tuple[list[Node], Order]:
    size, edges, published, held = graph
    nodes = [
        node(
            key,
            needs=[] if run else [f"p{other}" for task, other in sorted(edges) if task == key],
            run=[f"p{other}" for task, other in sorted(edges) if task == key] if run else [],
            is_going=key not in held,
            stuck="failed" if key in held else "",
            seconds=float(key + 1),
        )
        for key in range(size)
    ]
    return nodes, order(nodes, offered=offered(*(f"p{key}" for key in published)))


@given(graphs)
def test_what_is_not_blocked_can_be_built_in_the_order_of_its_waves(graph: Graph) -> None:
    _, _, _, held = graph
    _, found = solve(graph)
    for task, needs in pairs(found):
        if task not in found.blocks and task not in held:
            assert needs not in found.blocks
            assert needs not in held
            assert found.wave[needs] < found.wave[task]


@given(graphs)
def test_no_need_is_dropped_without_a_row_a_publication_or_a_block(graph: Graph) -> None:
    size, wanted, published, held = graph
    _, found = solve(graph)
    rows = pairs(found) | pairs(found, EdgeKind.STAGED)
    for task, needs in wanted:
        if task == needs:
            assert needs in published or task in found.blocks or task in held
        else:
            assert (task, needs) in rows or (needs in published and needs in held)
    assert size == len(found.priority) == len(found.wave)


@given(graphs)
def test_only_what_is_published_is_staged_and_only_within_a_cycle(graph: Graph) -> None:
    size, wanted, published, _ = graph
    _, found = solve(graph)
    place = {
        key: number
        for number, group in enumerate(
            components({task: [needs for other, needs in wanted if other == task] for task in range(size)})
        )
        for key in group
    }
    for edge in found.edges:
        if edge.kind is EdgeKind.STAGED:
            assert edge.needs in published
            assert place[edge.task] == place[edge.needs]


@given(graphs)
def test_exactly_what_is_published_within_a_cycle_is_staged_and_only_what_nothing_breaks_is_blocked(
    graph: Graph,
) -> None:
    size, wanted, published, _ = graph
    _, found = solve((size, wanted, published, set()))
    others = {(task, needs) for task, needs in wanted if task != needs}

    def grouped(edges: set[tuple[int, int]]) -> list[set[int]]:
        successors = {task: [needs for other, needs in sorted(edges) if other == task] for task in range(size)}
        return [set(group) for group in components(successors)]

    place = {key: number for number, group in enumerate(grouped(others)) for key in group}
    broken = {(task, needs) for task, needs in others if place[task] == place[needs] and needs in published}
    assert pairs(found, EdgeKind.STAGED) == broken
    assert pairs(found) == others - broken
    unbroken = {frozenset(group) for group in grouped(others - broken) if len(group) > 1}
    blocked = {frozenset(block.about) for block in found.blocks.values() if block.reason is BlockReason.CYCLE}
    assert {group for group in blocked if len(group) > 1} == unbroken


@given(graphs)
def test_a_task_outlives_all_that_wait_for_it_in_priority(graph: Graph) -> None:
    nodes, found = solve(graph)
    for task, needs in pairs(found):
        if found.wave[task] > found.wave[needs]:
            assert found.priority[needs] >= nodes[needs].seconds + found.priority[task]


@given(graphs)
def test_a_block_reaches_exactly_those_who_need_it(graph: Graph) -> None:
    _, _, _, held = graph
    _, found = solve(graph)
    hard = pairs(found)
    for task, block in found.blocks.items():
        assert task not in held
        if block.reason is BlockReason.FAILED_NEED:
            assert set(block.about) == {
                needs for other, needs in hard if other == task and (needs in found.blocks or needs in held)
            }
            assert block.about
    for task, needs in hard:
        if (needs in found.blocks or needs in held) and task not in held:
            assert task in found.blocks


@given(graphs)
def test_runtime_needs_alone_never_make_a_task_unbuildable(graph: Graph) -> None:
    size, wanted, published, _ = graph
    _, found = solve((size, wanted, published, set()), run=True)
    assert found.blocks == {}
    for task, needs in pairs(found):
        assert needs not in published
        assert found.wave[needs] < found.wave[task]


@given(graphs)
def test_the_order_does_not_depend_on_the_order_of_the_tasks(graph: Graph) -> None:
    nodes, found = solve(graph)
    _, _, published, _ = graph
    again = order(nodes[::-1], offered=offered(*(f"p{key}" for key in published)))
    assert set(again.edges) == set(found.edges)
    assert again.blocks == found.blocks
    assert again.priority == found.priority


@given(graphs)
def test_components_partition_the_graph_with_successors_first(graph: Graph) -> None:
    size, wanted, _, _ = graph
    successors = {task: [needs for other, needs in wanted if other == task] for task in range(size)}
    groups = components(successors)
    place = {key: number for number, group in enumerate(groups) for key in group}
    assert sorted(key for group in groups for key in group) == list(range(size))
    assert all(place[needs] <= place[task] for task, needs in wanted)

    def reach(start: int) -> set[int]:
        seen, waiting = {start}, [start]
        while waiting:
            for other in successors[waiting.pop()]:
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return seen

    for one in range(size):
        for other in range(size):
            assert (place[one] == place[other]) == (one in reach(other) and other in reach(one))


def test_a_chain_of_a_hundred_thousand_is_no_recursion() -> None:
    size = 100_000
    groups = components({key: [key + 1] if key + 1 < size else [] for key in range(size)})
    assert groups[0] == [size - 1]
    assert len(groups) == size


# Cases


def test_a_published_runtime_dependency_makes_no_edge_and_an_unpublished_one_does() -> None:
    nodes = [node(1, provides=["soname(libz.so.1)"]), node(2, run=["soname(libz.so.1)"])]
    assert pairs(order(nodes, offered=offered())) == {(2, 1)}
    assert pairs(order(nodes, offered=offered("soname(libz.so.1)"))) == set()


def test_who_builds_against_one_of_two_that_need_each_other_at_run_time_waits_for_both() -> None:
    nodes = [node(1, run=["p2"]), node(2, run=["p1"]), node(3, needs=["p1"])]
    found = order(nodes, offered=offered())
    assert pairs(found, EdgeKind.STAGED) == {(1, 2), (2, 1)}
    assert pairs(found) == {(3, 1), (3, 2)}


def test_the_reason_of_an_edge_is_the_first_that_nothing_published_satisfies() -> None:
    nodes = [node(1, provides=["binary(x)", "pkgconfig(x)"]), node(2, needs=["binary(x)", "pkgconfig(x)"])]
    [edge] = order(nodes, offered=offered("binary(x)")).edges
    assert (str(edge.capability), edge.is_offered) == ("pkgconfig(x)", False)


def test_a_recipe_that_needs_itself_says_so() -> None:
    found = order([node(1, name="rust", needs=["rust"])], offered=offered())
    assert found.blocks[1].sentence == "needs rust of itself, and no build of it is published to begin with"
    assert order([node(1, name="rust", needs=["rust"])], offered=offered("rust")).blocks == {}


def test_a_missing_dependency_is_named_and_what_needs_its_dependant_is_blocked_too() -> None:
    nodes = [node(1, name="a", needs=["binary(nowhere)"]), node(2, name="b", needs=["a"])]
    found = order(nodes, offered=offered())
    assert found.blocks[1].reason is BlockReason.MISSING
    assert "binary(nowhere)" in found.blocks[1].sentence
    assert found.blocks[2].sentence == "needs a 1-1 for a, which is blocked"


def test_nothing_is_missing_where_a_remotes_contents_are_unknown() -> None:
    assert order([node(1, needs=["binary(x)"])], offered=offered(), knows_all_remotes=False).blocks == {}


def test_a_missing_runtime_dependency_is_a_warning() -> None:
    found = order([node(1, run=["python(x)"])], offered=offered())
    assert found.blocks == {}
    assert found.warnings[1] == ("its packages will need python(x), which nothing provides",)


def test_a_task_in_review_is_waited_for_only_where_nothing_published_does() -> None:
    nodes = [node(1, is_going=False), node(2, needs=["p1"])]
    assert pairs(order(nodes, offered=offered("p1"))) == set()
    assert pairs(order(nodes, offered=offered())) == {(2, 1)}


def test_who_waited_for_what_failed_goes_on_waiting() -> None:
    nodes = [node(1, is_going=False, stuck="failed"), node(2, needs=["p1"], waits_for=frozenset({1}))]
    found = order(nodes, offered=offered("p1"))
    assert found.blocks[2].sentence == "needs p1 1-1 for p1, which failed"


def test_a_long_cycle_names_its_first_members_and_counts_the_rest() -> None:
    nodes = [node(key, name=f"m{key:02}", needs=[f"m{(key + 1) % 12:02}"]) for key in range(12)]
    assert "m00, m01, m02, m03, m04, m05, m06, m07 and 4 more need each other" in (
        order(nodes, offered=offered()).blocks[0].sentence
    )


@pytest.mark.parametrize(
    ("package", "capability"),
    [
        ("libgreet", "pkgconfig(greet)"),
        ("greet", "pkgconfig(libgreet-2.0)"),
        ("libgreet", "soname(libgreet.so.1(x86_64))"),
        ("greet", "cmake(Greet)"),
        ("greet", "binary(greet)"),
        ("greet", "greet-devel"),
    ],
)
def test_before_its_first_build_a_recipe_is_judged_by_its_name(package: str, capability: str) -> None:
    nodes = [node(1, name=package, is_certain=False), node(2, needs=[capability], is_certain=False)]
    assert pairs(order(nodes, offered=offered())) == {(2, 1)}


def test_a_recipe_with_a_manifest_is_taken_at_its_word() -> None:
    nodes = [node(1, name="greet"), node(2, needs=["pkgconfig(greet)"])]
    assert order(nodes, offered=offered()).blocks[2].reason is BlockReason.MISSING


# An order as the database keeps it: rows with a reason, whatever became of a need.


@given(graphs, st.booleans())
def test_what_is_given_up_in_an_order_is_a_row_that_says_why(graph: Graph, run: object) -> None:
    """Every need that another task could meet is waited for, staged with what is published, or met by it already."""
    size, wanted, published, held = graph
    nodes, found = solve((size, wanted, published, set()), run=bool(run))
    hard, staged = pairs(found), pairs(found, EdgeKind.STAGED)
    assert not hard & staged
    for task, needs in sorted(wanted):
        if task == needs:
            continue
        if run and needs in published:
            assert (task, needs) not in hard | staged, "what is published meets a need of running"
        elif (task, needs) in staged and not run:
            assert needs in published
        else:
            assert (task, needs) in hard | staged
    cycles = [block for block in found.blocks.values() if block.reason is BlockReason.CYCLE]
    for block in cycles:
        assert block.about
        assert all(nodes[member].name in block.sentence for member in block.about[:8])
    del held


@given(graphs)
def test_without_what_is_blocked_the_hard_edges_have_a_topological_order(graph: Graph) -> None:
    _, _, _, held = graph
    _, found = solve(graph)
    free = {key for key in found.wave if key not in found.blocks and key not in held}
    successors = {task: [needs for other, needs in pairs(found) if other == task and needs in free] for task in free}
    groups = components(successors)
    assert all(len(group) == 1 for group in groups)
    done: set[int] = set()
    for [task] in groups:
        assert set(successors[task]) <= done
        done.add(task)
    assert done == free


@given(graphs, st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11))))
def test_components_split_by_what_was_taken_out_are_those_of_the_smaller_graph(
    graph: Graph, taken: set[tuple[int, int]]
) -> None:
    size, wanted, _, _ = graph
    before = {task: [needs for other, needs in sorted(wanted) if other == task] for task in range(size)}
    groups = components(before)
    place = {key: number for number, group in enumerate(groups) for key in group}
    # Only edges inside a component are taken out, as staging does.
    after = {
        task: [needs for needs in row if (task, needs) not in taken or place[task] != place[needs]]
        for task, row in before.items()
    }
    smaller = split(groups, after)
    assert sorted(map(sorted, smaller)) == sorted(map(sorted, components(after)))
    seen: set[int] = set()
    for group in smaller:
        seen |= set(group)
        assert all(needs in seen for task in group for needs in after[task])
