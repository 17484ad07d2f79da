"""The layout of the graph of waiting builds."""

import re

from hypothesis import given
from hypothesis import strategies as st

from summit.drawing import COLUMN, LONGEST_LABEL, NODE_HEIGHT, Drawing, Link, Node, draw


def node(key: int) -> Node:
    return Node(key=key, label=f"recipe-{key}", status="queued", uri=f"/builds/{key}/")


def places(drawing: Drawing) -> dict[int, tuple[int, int]]:
    return {box.node.key: (box.x, box.y) for box in drawing.boxes}


def test_what_builds_first_stands_left() -> None:
    found = places(draw(nodes=[node(3), node(2), node(1)], links=[Link(before=1, after=2), Link(before=2, after=3)]))
    assert found[1][0] < found[2][0] < found[3][0]
    assert found[2][0] - found[1][0] == COLUMN


def test_the_longest_chain_decides_the_column() -> None:
    links = [Link(before=1, after=2), Link(before=2, after=3), Link(before=1, after=3)]
    found = places(draw(nodes=[node(1), node(2), node(3)], links=links))
    assert found[3][0] - found[1][0] == 2 * COLUMN


def test_staged_links_order_nothing_and_are_drawn() -> None:
    drawing = draw(nodes=[node(1), node(2)], links=[Link(before=1, after=2, is_staged=True)])
    found = places(drawing)
    assert found[1][0] == found[2][0]
    assert drawing.curves[0].is_staged


def test_strangers_are_left_out() -> None:
    assert draw(nodes=[node(1)], links=[Link(before=9, after=1)]).curves == ()


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw(nodes=[], links=[]).boxes == ()


def test_long_labels_are_cut() -> None:
    long = Node(key=1, label="x" * 99, status="queued", uri="/")
    (box,) = draw(nodes=[long], links=[]).boxes
    assert len(box.label) == LONGEST_LABEL


@given(st.integers(1, 12), st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40))
def test_no_two_boxes_overlap_and_all_lie_inside(count: int, pairs: set[tuple[int, int]]) -> None:
    links = [Link(before=before, after=after) for before, after in sorted(pairs) if before != after]
    drawing = draw(nodes=[node(key) for key in range(count)], links=links)
    found = places(drawing)
    assert len(set(found.values())) == count
    assert all(0 <= x < drawing.width and 0 <= y < drawing.height for x, y in found.values())


@given(st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40))
def test_links_of_a_graph_without_cycles_lead_to_the_right(pairs: set[tuple[int, int]]) -> None:
    links = [Link(before=min(pair), after=max(pair)) for pair in sorted(pairs) if pair[0] != pair[1]]
    found = places(draw(nodes=[node(key) for key in range(12)], links=links))
    assert all(found[link.before][0] < found[link.after][0] for link in links)


def test_a_link_that_closes_a_cycle_hangs_below_its_boxes_and_inside_the_drawing() -> None:
    drawing = draw(nodes=[node(1), node(2)], links=[Link(before=1, after=2), Link(before=2, after=1)])
    bottom = max(box.y for box in drawing.boxes) + NODE_HEIGHT
    lowest = max(int(y) for curve in drawing.curves for y in re.findall(r"-?\d+ (-?\d+)", curve.path))
    assert bottom < lowest <= drawing.height
