"""The numbers that are known of the real tree, from its manifests alone."""

from pathlib import Path

import pytest

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import decode_manifest
from summit.graph import components
from summit.needs import BlockReason, EdgeKind, Need, Node, Usage
from summit.queue import order

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def nodes(recipe_tree: Path) -> list[Node]:
    found = []
    for key, path in enumerate(sorted(recipe_tree.glob("*/*/manifest.x86_64.bin"))):
        packages = decode_manifest(path)
        build = {capability for package in packages for capability in package.build_depends}
        run = {capability for package in packages for capability in package.depends}
        found.append(
            Node(
                key=key,
                name=packages[0].source_id,
                title=packages[0].source_id,
                provides=frozenset(capability for package in packages for capability in package.providers),
                needs=(
                    *(Need(capability) for capability in sorted(build)),
                    *(Need(capability, Usage.RUN) for capability in sorted(run)),
                ),
            )
        )
    return found


def all_of(nodes: list[Node]) -> frozenset[Capability]:
    return frozenset(capability for node in nodes for capability in node.provides)


def sizes(nodes: list[Node], pairs: set[tuple[int, int]]) -> list[int]:
    graph: dict[int, list[int]] = {node.key: [] for node in nodes}
    for task, needs in pairs:
        graph[task].append(needs)
    return sorted((len(group) for group in components(graph) if len(group) > 1), reverse=True)


def test_the_tree_has_the_edges_and_cycles_that_are_known_of_it(nodes: list[Node]) -> None:
    assert len(nodes) == 1737
    assert len(all_of(nodes)) == 19_875
    found = order(nodes, offered=frozenset())
    built = {(edge.task, edge.needs) for edge in found.edges if edge.usage is not Usage.RUN}
    assert len(built) == 10_444
    assert sizes(nodes, built) == [386, 2, 2]


def test_with_runtime_dependencies_the_tree_has_fifteen_thousand_edges(nodes: list[Node]) -> None:
    folded = [
        Node(
            key=node.key,
            name=node.name,
            title=node.title,
            provides=node.provides,
            needs=tuple(Need(need.capability) for need in node.needs),
        )
        for node in nodes
    ]
    found = order(folded, offered=frozenset())
    pairs = {(edge.task, edge.needs) for edge in found.edges}
    assert len(pairs) == 15_055
    assert sizes(nodes, pairs) == [609, 4, 2, 2, 2, 2]


def test_where_everything_is_published_a_rebuild_of_all_is_staged_and_nothing_is_blocked(nodes: list[Node]) -> None:
    found = order(nodes, offered=all_of(nodes))
    assert found.blocks == {}
    staged = [edge for edge in found.edges if edge.kind is EdgeKind.STAGED]
    hard = {(edge.task, edge.needs) for edge in found.edges if edge.kind is EdgeKind.HARD}
    assert len(staged) + len(hard) == 10_444
    assert sizes(nodes, hard) == []
    assert max(found.wave.values()) == 18, "without the staged edges it is two waves shorter than the condensed graph"


def test_where_nothing_is_published_every_block_has_its_reason(nodes: list[Node]) -> None:
    found = order(nodes, offered=frozenset())
    reasons = [block.reason for block in found.blocks.values()]
    assert reasons.count(BlockReason.MISSING) == 0, "the tree has no unresolved build dependency"
    assert reasons.count(BlockReason.CYCLE) >= 390
    assert all(block.sentence for block in found.blocks.values())
