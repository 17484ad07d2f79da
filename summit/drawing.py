"""Lays the graph of waiting builds out in columns: what builds first stands at the left. Pure geometry for an SVG."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

NODE_WIDTH, NODE_HEIGHT = 176, 26
COLUMN, ROW = 236, 38
MARGIN = 8
LONGEST_LABEL = 22  # characters that fit a node
_SWEEPS = 3
_TURN = 44  # how far a link within a column swings out
_SAG = 30  # how far below its boxes a link backwards hangs: what closes a cycle


@dataclass(frozen=True, kw_only=True)
class Node:
    """A build: `status` colours it, `uri` is its page."""

    key: int
    label: str
    status: str
    uri: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """`after` waits for `before`; a staged link is not waited for and orders nothing."""

    before: int
    after: int
    is_staged: bool = False


@dataclass(frozen=True, kw_only=True)
class Box:
    """A node with its place: the top left corner."""

    node: Node
    x: int
    y: int

    @property
    def label(self) -> str:
        """The label, cut to what fits."""
        text = self.node.label
        return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A link as the `d` of an SVG path."""

    path: str
    is_staged: bool


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Boxes and curves in a space of `width` × `height`."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]


def draw(*, nodes: Sequence[Node], links: Sequence[Link]) -> Drawing:
    """Lays out: a node's column is the longest chain of unstaged links to it, rows follow the barycentre of neighbours.

    Nodes are given in the order they shall have where nothing else decides. A cycle of unstaged links, which the queue
    does not make, is cut where it closes.
    """
    keys = {node.key for node in nodes}
    known = [link for link in links if link.before in keys and link.after in keys]
    columns = _columns([node.key for node in nodes], [link for link in known if not link.is_staged])
    order = _rows([node.key for node in nodes], columns, known)
    boxes = {
        node.key: Box(node=node, x=MARGIN + columns[node.key] * COLUMN, y=MARGIN + order[node.key] * ROW)
        for node in nodes
    }
    is_cyclic = any(boxes[link.after].x < boxes[link.before].x for link in known)
    return Drawing(
        width=2 * MARGIN + max(columns.values(), default=0) * COLUMN + NODE_WIDTH + _TURN,
        height=2 * MARGIN + max(order.values(), default=0) * ROW + NODE_HEIGHT + (_SAG if is_cyclic else 0),
        boxes=tuple(boxes.values()),
        curves=tuple(
            Curve(path=_curve(boxes[link.before], boxes[link.after]), is_staged=link.is_staged) for link in known
        ),
    )


def _columns(keys: Sequence[int], links: Sequence[Link]) -> dict[int, int]:
    before: dict[int, list[int]] = defaultdict(list)
    for link in links:
        before[link.after].append(link.before)
    depth: dict[int, int] = {}
    for root in keys:
        stack = [(root, False)]
        entered: set[int] = set()
        while stack:
            key, is_done = stack.pop()
            if is_done:
                depth[key] = 1 + max((depth.get(other, -1) for other in before[key]), default=-1)
            elif key not in depth and key not in entered:
                entered.add(key)
                stack.append((key, True))
                stack.extend((other, False) for other in before[key])
    return depth


def _rows(keys: Sequence[int], columns: dict[int, int], links: Sequence[Link]) -> dict[int, int]:
    neighbours: dict[int, list[int]] = defaultdict(list)
    for link in links:
        neighbours[link.after].append(link.before)
        neighbours[link.before].append(link.after)
    members: dict[int, list[int]] = defaultdict(list)
    for key in keys:
        members[columns[key]].append(key)
    place = {key: row for column in members.values() for row, key in enumerate(column)}
    for _ in range(_SWEEPS):
        for number in sorted(members):
            column = members[number]
            column.sort(
                key=lambda key: (
                    sum(place[other] for other in neighbours[key]) / len(neighbours[key])
                    if neighbours[key]
                    else place[key],
                    place[key],
                )
            )
            place.update({key: row for row, key in enumerate(column)})
    return place


def _curve(start: Box, end: Box) -> str:
    x1, y1 = start.x + NODE_WIDTH, start.y + NODE_HEIGHT // 2
    x2, y2 = end.x, end.y + NODE_HEIGHT // 2
    if end.x < start.x:
        x1, x2 = start.x + NODE_WIDTH // 2, end.x + NODE_WIDTH // 2
        y1, y2 = start.y + NODE_HEIGHT, end.y + NODE_HEIGHT
        low = max(y1, y2) + _SAG
        return f"M{x1} {y1}C{x1} {low} {x2} {low} {x2} {y2}"
    if end.x == start.x:
        # Around the right-hand sides, so that no box hides it.
        x2 += NODE_WIDTH
        turn = max(x1, x2) + _TURN
        return f"M{x1} {y1}C{turn} {y1} {turn} {y2} {x2} {y2}"
    bend = max(24, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
