"""Which recipes a campaign reaches and what its order says of it, pure; with the figures known of the real tree."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import decode_manifest
from summit.campaigns.preview import makespan, nodes_of, shape
from summit.campaigns.selection import Member, dependants
from summit.needs import Need, Usage
from summit.queue import order


@dataclass
class Row:
    """What one recipe provides and needs."""

    provides: set[Capability] = field(default_factory=set)
    needs: dict[Need, None] = field(default_factory=dict)
    implied: tuple[Capability, ...] = ()
    has_manifest: bool = True


def row(provides: str, *needs: str, usage: Usage = Usage.BUILD) -> Row:
    return Row({Capability.parse(provides)}, {Need(Capability.parse(text), usage): None for text in needs})


SMALL = {
    1: row("zlib"),
    2: row("libpng", "zlib"),
    3: row("viewer", "libpng"),
    4: row("theme", "viewer", usage=Usage.RUN),
    5: row("tests", "zlib", usage=Usage.CHECK),
    6: row("nano"),
}


def members(tree: dict[int, Row], keys: set[int]) -> list[Member]:
    return [
        Member(key=key, name=str(min(tree[key].provides)), version="1", release=1, repository=1) for key in sorted(keys)
    ]


def test_direct_dependants_are_those_built_or_checked_with_it() -> None:
    assert dependants(SMALL, {1}, is_far=False) == {2, 5}


def test_what_a_recipe_reaches_follows_builds_and_not_what_is_only_needed_to_run() -> None:
    assert dependants(SMALL, {1}, is_far=True) == {2, 3, 5}
    assert dependants(SMALL, {6}, is_far=True) == set()
    assert dependants(SMALL, {1, 2, 99}, is_far=True) == {3, 5}


@given(st.dictionaries(st.integers(0, 9), st.frozensets(st.integers(0, 9), max_size=4), min_size=1))
def test_what_is_reached_is_closed_and_never_the_recipe_itself(graph: dict[int, frozenset[int]]) -> None:
    tree = {key: row(f"p{key}", *(f"p{need}" for need in needs)) for key, needs in graph.items()}
    start = min(graph)
    near, far = (dependants(tree, {start}, is_far=is_far) for is_far in (False, True))
    assert near <= far
    assert start not in far
    assert near == {key for key, needs in graph.items() if start in needs} - {start}
    for key, needs in graph.items():
        if key != start:
            assert (key in far) == bool(needs & (far | {start}) - ({key} - far))


def test_a_set_takes_its_longest_chain_or_its_work_over_the_slots() -> None:
    assert makespan(100.0, 30.0, 2) == 50.0
    assert makespan(100.0, 80.0, 4) == 80.0
    assert makespan(100.0, 80.0, 0) is None


def test_a_shape_says_what_is_in_a_cycle_and_what_cannot_run() -> None:
    tree = {
        1: row("a", "b"),
        2: row("b", "a"),
        3: row("c", "a", "nowhere"),
        4: row("d"),
    }
    nodes = nodes_of(members(tree, set(tree)), tree, {"a": 10.0, "b": 20.0, "c": 5.0, "d": 7.0})
    offered = frozenset({Capability.parse("a"), Capability.parse("b")})
    found = shape(nodes, order(nodes, offered=offered))
    assert (found.work, found.longest_chain, found.in_cycles, found.largest_cycle) == (42.0, 20.0, 2, ("a", "b"))
    assert found.waves == 2
    assert [title for title, _ in found.blocked] == ["c 1-1"]


def test_an_empty_set_has_an_empty_shape() -> None:
    found = shape([], order([], offered=frozenset()))
    assert (found.work, found.longest_chain, found.waves, found.in_cycles, found.largest_cycle) == (0, 0, 0, 0, ())


@pytest.fixture(scope="module")
def real_tree(recipe_tree: Path) -> tuple[dict[int, Row], dict[str, int]]:
    tree: dict[int, Row] = {}
    names: dict[str, int] = {}
    for key, path in enumerate(sorted(recipe_tree.glob("*/*/manifest.x86_64.bin"))):
        packages = decode_manifest(path)
        names[packages[0].source_id] = key
        tree[key] = Row(
            {capability for package in packages for capability in package.providers},
            {
                **{Need(one): None for package in packages for one in package.build_depends},
                **{Need(one, Usage.RUN): None for package in packages for one in package.depends},
            },
        )
    return tree, names


@pytest.mark.real_data
def test_the_figures_that_are_known_of_the_real_tree(real_tree: tuple[dict[int, Row], dict[str, int]]) -> None:
    tree, names = real_tree
    titles = {key: name for name, key in names.items()}
    reached = dependants(tree, {names["zlib-ng"]}, is_far=True)
    assert len(dependants(tree, {names["zlib-ng"]}, is_far=False)) == 125
    assert len(reached) == 1372
    offered = frozenset(capability for one in tree.values() for capability in one.provides)
    for keys, count in ((reached, 1372), (set(tree), 1737)):
        chosen = [Member(key=key, name=titles[key], version="1", release=1, repository=1) for key in sorted(keys)]
        nodes = nodes_of(chosen, tree, {})
        found = shape(nodes, order(nodes, offered=offered))
        assert (found.work, found.in_cycles, len(found.largest_cycle), found.blocked) == (count * 60.0, 390, 386, ())
