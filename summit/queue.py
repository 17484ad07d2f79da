"""The order of builds, pure: who needs whom and why, what a cycle stages, what cannot run, how urgent each is.

Rules (docs/architecture.md, section 9): a build or check dependency on something that is to be rebuilt makes an edge; a
runtime dependency only where nothing published satisfies it. Inside a cycle whatever is published is used (staged).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from serpent_infra.formats.dependency import Capability, Kind
from summit.graph import components
from summit.needs import BlockReason, Edge, EdgeKind, Need, Node, Usage, guess_providers

# A cycle of runtime dependencies above this size is not expanded into its members' dependants.
_EXPANSION_LIMIT = 64
_NAMED_MEMBERS = 8


@dataclass(frozen=True, slots=True)
class Block:
    """Why a task cannot run: a named reason, a sentence, and the other tasks it is about."""

    reason: BlockReason
    sentence: str
    about: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a set of tasks; every mapping is by task key.

    Attributes:
        edges: all needs, staged ones included, at most one between two tasks.
        blocks: the tasks that cannot run.
        priority: seconds of the longest chain that waits for a task, its own time included.
        wave: how many hard needs lie before a task at least, 0 for those that can start.
        warnings: sentences about what does not stop a build but is odd.
    """

    edges: tuple[Edge, ...]
    blocks: Mapping[int, Block]
    priority: Mapping[int, float]
    wave: Mapping[int, int]
    warnings: Mapping[int, tuple[str, ...]]


@dataclass(slots=True)
class _Found:
    """What looking up every need brings: pairs with the need that made them, and what nobody provides."""

    edges: dict[tuple[int, int], Edge] = field(default_factory=dict)
    missing: dict[int, list[Capability]] = field(default_factory=dict)
    own: dict[int, Capability] = field(default_factory=dict)
    warnings: dict[int, list[str]] = field(default_factory=dict)


def order(nodes: Sequence[Node], *, offered: AbstractSet[Capability], knows_all_remotes: bool = True) -> Order:
    """Orders tasks, given what the profile's remotes and base image offer now.

    Where a remote's contents are unknown (`knows_all_remotes` false) nothing counts as missing: the builder will see.
    """
    by_key = {node.key: node for node in nodes}
    found = _look_up(nodes, offered=offered, knows_all_remotes=knows_all_remotes)
    edges = _stage_cycles(by_key, found.edges)
    edges = _stage_runtime_cycles(by_key, edges)
    hard: dict[int, list[int]] = {key: [] for key in by_key}
    for edge in edges.values():
        if edge.kind is EdgeKind.HARD:
            hard[edge.task].append(edge.needs)
    groups = components(hard)
    blocks = _blocks(by_key, edges, hard, groups, found)
    priority, wave = _rank(by_key, hard, groups)
    return Order(
        edges=tuple(edges.values()),
        blocks=blocks,
        priority=priority,
        wave=wave,
        warnings={key: tuple(sentences) for key, sentences in found.warnings.items()},
    )


def _look_up(nodes: Sequence[Node], *, offered: AbstractSet[Capability], knows_all_remotes: bool) -> _Found:
    """Joins needs with providers by hash: the cost is that of reading them once."""
    providers: dict[Capability, list[Node]] = {}
    for node in nodes:
        for capability in node.provides:
            providers.setdefault(capability, []).append(node)
    uncertain = [node for node in nodes if not node.is_certain and node.is_going]
    found = _Found()
    for node in nodes:
        for need in node.needs:
            others = [other for other in providers.get(need.capability, ()) if other.key != node.key]
            is_offered = need.capability in offered
            is_known = is_offered or not knows_all_remotes
            if need.usage is Usage.RUN:
                _look_up_runtime(found, node, need, others, is_known=is_known)
                continue
            chosen = [other for other in others if other.is_going or other.key in node.waits_for]
            if not is_offered:
                chosen = chosen or others
            if not chosen and not is_known and need.capability not in node.provides:
                chosen = guess_providers(need.capability, node, uncertain)
            if chosen:
                _connect(found, node, chosen, need, is_offered=is_offered)
            elif not is_known:
                _note_absent(found, node, need)
    return found


def _note_absent(found: _Found, node: Node, need: Need) -> None:
    if need.capability in node.provides:
        found.own.setdefault(node.key, need.capability)
    else:
        found.missing.setdefault(node.key, []).append(need.capability)


def _look_up_runtime(found: _Found, node: Node, need: Need, others: list[Node], *, is_known: bool) -> None:
    if is_known or need.capability in node.provides:
        return
    if others:
        _connect(found, node, others, need, is_offered=False)
    elif need.capability.kind is not Kind.INTERPRETER:
        sentence = f"its packages will need {need.capability}, which nothing provides"
        if sentence not in (known := found.warnings.setdefault(node.key, [])):
            known.append(sentence)


def _connect(found: _Found, node: Node, others: Iterable[Node], need: Need, *, is_offered: bool) -> None:
    """Adds an edge to each provider; of several reasons for one edge the first that is not published is kept."""
    for other in others:
        pair = (node.key, other.key)
        known = found.edges.get(pair)
        if known is None or (known.is_offered and not is_offered and need.usage is not Usage.RUN):
            found.edges[pair] = Edge(node.key, other.key, need.capability, need.usage, EdgeKind.HARD, is_offered)


def _stage_cycles(by_key: Mapping[int, Node], edges: dict[tuple[int, int], Edge]) -> dict[tuple[int, int], Edge]:
    """Stages every edge inside a cycle of build dependencies that is satisfied by what is published."""
    place = _places(by_key, (pair for pair, edge in edges.items() if edge.usage is not Usage.RUN))
    return {
        pair: replace(edge, kind=EdgeKind.STAGED)
        if edge.is_offered and edge.usage is not Usage.RUN and place[edge.task] == place[edge.needs]
        else edge
        for pair, edge in edges.items()
    }


def _stage_runtime_cycles(
    by_key: Mapping[int, Node], edges: dict[tuple[int, int], Edge]
) -> dict[tuple[int, int], Edge]:
    """Stages runtime edges that would close a cycle: two packages that need each other at run time are built apart.

    Whoever needs one of them for a build then needs the others as well, or its build root could not be installed.
    """
    hard = {pair for pair, edge in edges.items() if edge.kind is EdgeKind.HARD}
    place = _places(by_key, hard)
    staged = {
        pair: replace(edge, kind=EdgeKind.STAGED)
        for pair, edge in edges.items()
        if edge.usage is Usage.RUN and place[edge.task] == place[edge.needs]
    }
    if not staged:
        return edges
    result = {**edges, **staged}
    sizes: dict[int, int] = {}
    for component in place.values():
        sizes[component] = sizes.get(component, 0) + 1
    beside: dict[int, list[Edge]] = {}
    for edge in staged.values():
        if sizes[place[edge.task]] <= _EXPANSION_LIMIT:
            beside.setdefault(edge.task, []).append(edge)
    for edge in list(edges.values()):
        if edge.kind is EdgeKind.HARD and edge.usage is not Usage.RUN and place[edge.task] != place[edge.needs]:
            for reached in _reach(edge.needs, beside):
                pair = (edge.task, reached.needs)
                if pair not in result:
                    result[pair] = replace(reached, task=edge.task, kind=EdgeKind.HARD)
    return result


def _reach(start: int, beside: Mapping[int, list[Edge]]) -> list[Edge]:
    seen, waiting, reached = {start}, [start], []
    while waiting:
        for edge in beside.get(waiting.pop(), ()):
            if edge.needs not in seen:
                seen.add(edge.needs)
                waiting.append(edge.needs)
                reached.append(edge)
    return reached


def _places(by_key: Mapping[int, Node], pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Numbers the strongly connected component of every task."""
    graph: dict[int, list[int]] = {key: [] for key in by_key}
    for task, needs in pairs:
        graph[task].append(needs)
    return {key: number for number, group in enumerate(components(graph)) for key in group}


def _blocks(
    by_key: Mapping[int, Node],
    edges: Mapping[tuple[int, int], Edge],
    hard: Mapping[int, Sequence[int]],
    groups: Sequence[Sequence[int]],
    found: _Found,
) -> dict[int, Block]:
    """Finds what cannot run, needs before those who need them; a task that is stuck already is no news itself."""
    blocks: dict[int, Block] = {}
    for group in groups:
        members = sorted(group, key=lambda key: by_key[key].title)
        for key in members:
            node = by_key[key]
            if node.stuck:
                continue
            if missing := found.missing.get(key):
                blocks[key] = Block(BlockReason.MISSING, _missing_sentence(missing))
            elif len(group) > 1:
                blocks[key] = Block(
                    BlockReason.CYCLE, _cycle_sentence([by_key[member] for member in members]), tuple(members)
                )
            elif key in found.own:
                sentence = f"needs {found.own[key]} of itself, and no build of it is published to begin with"
                blocks[key] = Block(BlockReason.CYCLE, sentence, (key,))
            else:
                stopped = [need for need in hard[key] if by_key[need].stuck or need in blocks]
                if stopped:
                    first = min(stopped, key=lambda need: (not by_key[need].stuck, by_key[need].title))
                    why = by_key[first].stuck or "is blocked"
                    sentence = f"needs {by_key[first].title} for {edges[key, first].capability}, which {why}"
                    blocks[key] = Block(BlockReason.FAILED_NEED, sentence, tuple(stopped))
    return blocks


def _missing_sentence(missing: Collection[Capability]) -> str:
    names = sorted({str(capability) for capability in missing})
    return f"needs {_listed(names)}, which no recipe, nothing published and not the base image provides"


def _cycle_sentence(members: Sequence[Node]) -> str:
    return f"is in a cycle that nothing published breaks: {_listed([node.name for node in members])} need each other"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_MEMBERS
    return ", ".join(names[:_NAMED_MEMBERS]) + (f" and {more} more" if more > 0 else "")


def _rank(
    by_key: Mapping[int, Node], hard: Mapping[int, Sequence[int]], groups: Sequence[Sequence[int]]
) -> tuple[dict[int, float], dict[int, int]]:
    """Computes upward ranks and waves in one pass each; inside an unbroken cycle all members count alike."""
    place = {key: number for number, group in enumerate(groups) for key in group}
    waves: list[int] = []
    for number, group in enumerate(groups):  # needs come before those who need them
        before = [waves[place[need]] + 1 for key in group for need in hard[key] if place[need] != number]
        waves.append(max(before, default=0))
    tail = [0.0] * len(groups)  # the longest chain that waits for a group
    priority: dict[int, float] = {}
    for number in range(len(groups) - 1, -1, -1):
        own = max(by_key[key].seconds for key in groups[number])
        for key in groups[number]:
            priority[key] = by_key[key].seconds + tail[number]
            for need in hard[key]:
                if place[need] != number:
                    tail[place[need]] = max(tail[place[need]], own + tail[number])
    return priority, {key: waves[place[key]] for key in by_key}
