"""The order of builds, pure: who needs whom and why, what a cycle stages, what cannot run, how urgent each is.

Rules (docs/architecture.md, section 9): a build or check dependency on something that is to be rebuilt makes an edge; a
runtime dependency only where nothing published satisfies it. Inside a cycle whatever is published is used (staged).
What macros, toolchain and build root imply is waited for as well, and gives way to everything else (`implied.py`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from serpent_infra.formats.dependency import Capability
from serpent_infra.words import listed
from summit.collector import paused_collector
from summit.graph import components, split
from summit.implied import add_implied
from summit.matching import Matches, Reason, match
from summit.needs import BlockReason, Edge, EdgeKind, Node, Usage

# A cycle of runtime dependencies above this size is not expanded into its members' dependants.
_EXPANSION_LIMIT = 64
_NAMED_MEMBERS = 8


Wants = Mapping[int, dict[int, Reason]]
Staged = Mapping[int, set[int]]


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
        wants: by task the tasks that it needs, each with the reason; every task is there.
        staged: by task those of them that are not waited for.
        blocks: the tasks that cannot run.
        priority: seconds of the longest chain that waits for a task, its own time included.
        wave: how many hard needs lie before a task at least, 0 for those that can start.
        warnings: sentences about what does not stop a build but is odd.
    """

    wants: Wants
    staged: Staged
    blocks: Mapping[int, Block]
    priority: Mapping[int, float]
    wave: Mapping[int, int]
    warnings: Mapping[int, tuple[str, ...]]

    @property
    def edges(self) -> Iterator[Edge]:
        """All needs, staged ones included, at most one between two tasks."""
        for task, row in self.wants.items():
            held = self.staged.get(task, ())
            for needs, (need, is_offered) in row.items():
                kind = EdgeKind.STAGED if needs in held else EdgeKind.HARD
                yield Edge(task, needs, need.capability, need.usage, kind, is_offered)


def order(nodes: Sequence[Node], *, offered: AbstractSet[Capability], knows_all_remotes: bool = True) -> Order:
    """Orders tasks, given what the profile's remotes and base image offer now.

    Where a remote's contents are unknown (`knows_all_remotes` false) nothing counts as missing: the builder will see.
    """
    with paused_collector():
        return _order(nodes, offered=offered, knows_all_remotes=knows_all_remotes)


def _order(nodes: Sequence[Node], *, offered: AbstractSet[Capability], knows_all_remotes: bool) -> Order:
    by_key = {node.key: node for node in nodes}
    found = match(nodes, offered=offered, knows_all_remotes=knows_all_remotes)
    wants = found.wants
    staged, groups = _stage_cycles(wants, has_runtime=found.has_runtime)
    if found.has_runtime:
        _stage_runtime_cycles(wants, staged)
    hard = _hard(wants, staged)
    groups = components(hard) if found.has_runtime else split(groups, hard)
    blocks = _blocks(by_key, hard, groups, found)
    groups = add_implied(nodes, found, staged, hard=hard, groups=groups, blocked=blocks, offered=offered)
    priority, wave = _rank(by_key, hard, groups)
    return Order(
        wants=wants,
        staged=staged,
        blocks=blocks,
        priority=priority,
        wave=wave,
        warnings={key: tuple(sentences) for key, sentences in found.warnings.items()},
    )


def _stage_cycles(wants: Wants, *, has_runtime: bool) -> tuple[dict[int, set[int]], list[list[int]]]:
    """Stages every edge inside a cycle of build dependencies that is satisfied by what is published.

    Also gives the components of the build dependencies, staged ones included.
    """
    graph: Mapping[int, Collection[int]] = wants
    if has_runtime:
        graph = {
            task: [needs for needs, reason in row.items() if reason.need.usage is not Usage.RUN]
            for task, row in wants.items()
        }
    staged: dict[int, set[int]] = {}
    groups = components(graph)
    for group in groups:
        if len(group) > 1:
            members = set(group)
            for task in group:
                row = wants[task]
                staged[task] = {needs for needs in graph[task] if needs in members and row[needs].is_offered}
    return staged, groups


def _stage_runtime_cycles(wants: Wants, staged: dict[int, set[int]]) -> None:
    """Stages runtime edges that would close a cycle: two packages that need each other at run time are built apart.

    Whoever needs one of them for a build then needs the others as well, or its build root could not be installed.
    """
    groups = components(_hard(wants, staged))
    place = {key: number for number, group in enumerate(groups) for key in group}
    beside: dict[int, dict[int, Reason]] = {}
    for group in groups:
        if len(group) == 1:
            continue
        for task in group:
            closing = {
                needs: reason
                for needs, reason in wants[task].items()
                if reason.need.usage is Usage.RUN and place[needs] == place[task]
            }
            staged.setdefault(task, set()).update(closing)
            if len(group) <= _EXPANSION_LIMIT:
                beside[task] = closing
    if not beside:
        return
    for task, row in wants.items():
        held = staged.get(task, ())
        for needs, reason in list(row.items()):
            if needs in beside and needs not in held and reason.need.usage is not Usage.RUN:
                for other, why in _reach(needs, beside).items() if place[needs] != place[task] else ():
                    row.setdefault(other, why)


def _reach(start: int, beside: Mapping[int, dict[int, Reason]]) -> dict[int, Reason]:
    reached: dict[int, Reason] = {}
    waiting = [start]
    while waiting:
        for needs, reason in beside.get(waiting.pop(), {}).items():
            if needs != start and needs not in reached:
                reached[needs] = reason
                waiting.append(needs)
    return reached


def _hard(wants: Wants, staged: Staged) -> dict[int, Collection[int]]:
    """Gives by task what is waited for."""
    return {
        task: [needs for needs in row if needs not in staged[task]] if staged.get(task) else row
        for task, row in wants.items()
    }


def _blocks(
    by_key: Mapping[int, Node],
    hard: Mapping[int, Collection[int]],
    groups: Sequence[Sequence[int]],
    found: Matches,
) -> dict[int, Block]:
    """Finds what cannot run, needs before those who need them; a task that is stuck already is no news itself."""
    blocks: dict[int, Block] = {}
    stopped = {key for key, node in by_key.items() if node.stuck}
    doubtful = found.missing.keys() | found.own.keys()
    if not stopped and not doubtful and len(groups) == len(by_key):
        return blocks
    for group in groups:
        if len(group) == 1 and group[0] not in doubtful and stopped.isdisjoint(hard[group[0]]):
            continue  # nearly all of them
        members = sorted((by_key[key] for key in group), key=lambda node: node.title)
        for node in members:
            if node.stuck:
                continue
            about = [need for need in hard[node.key] if need in stopped]
            if block := _block(node, members, by_key, found, stopped=about):
                blocks[node.key] = block
                stopped.add(node.key)
    return blocks


def _block(
    node: Node, members: Sequence[Node], by_key: Mapping[int, Node], found: Matches, *, stopped: Sequence[int]
) -> Block | None:
    """Says why a task cannot run, if it cannot; `members` are those of its cycle, `stopped` what it needs in vain."""
    if missing := found.missing.get(node.key):
        return Block(BlockReason.MISSING, _missing_sentence(missing))
    if len(members) > 1:
        return Block(BlockReason.CYCLE, _cycle_sentence(members), tuple(member.key for member in members))
    if own := found.own.get(node.key):
        sentence = f"needs {own} of itself, and no build of it is published to begin with"
        return Block(BlockReason.CYCLE, sentence, (node.key,))
    return _failed_need(node.key, stopped, by_key, found) if stopped else None


def _failed_need(key: int, stopped: Sequence[int], by_key: Mapping[int, Node], found: Matches) -> Block:
    first = min(stopped, key=lambda need: (not by_key[need].stuck, by_key[need].title))
    why = by_key[first].stuck or "is blocked"
    sentence = f"needs {by_key[first].title} for {found.wants[key][first].need.capability}, which {why}"
    return Block(BlockReason.FAILED_NEED, sentence, tuple(stopped))


def _missing_sentence(missing: Collection[Capability]) -> str:
    names = listed(sorted({str(capability) for capability in missing}), most=_NAMED_MEMBERS)
    return f"needs {names}, which no recipe, nothing published and not the base image provides"


def _cycle_sentence(members: Sequence[Node]) -> str:
    names = listed([node.name for node in members], most=_NAMED_MEMBERS)
    return f"is in a cycle that nothing published breaks: {names} need each other"


def _rank(
    by_key: Mapping[int, Node], hard: Mapping[int, Collection[int]], groups: Sequence[Sequence[int]]
) -> tuple[dict[int, float], dict[int, int]]:
    """Computes upward ranks and waves in one pass each; inside an unbroken cycle all members count alike."""
    wave: dict[int, int] = {}
    for group in groups:  # needs come before those who need them, so that only members have no wave yet
        if len(group) == 1:
            needs = hard[group[0]]
            wave[group[0]] = max(map(wave.__getitem__, needs)) + 1 if needs else 0
            continue
        before = max((wave.get(need, -1) for key in group for need in hard[key]), default=-1)
        wave.update(dict.fromkeys(group, before + 1))
    tail = dict.fromkeys(by_key, 0.0)  # the longest chain that waits for a task
    priority: dict[int, float] = {}
    for group in reversed(groups):
        longest = tail[group[0]] if len(group) == 1 else max(tail[key] for key in group)
        whole = longest + max([by_key[key].seconds for key in group])
        for key in group:
            priority[key] = longest + by_key[key].seconds
            for need in hard[key]:
                if tail[need] < whole:  # noqa: PLR1730 - max() takes twice as long, and there may be a million
                    tail[need] = whole
    return priority, wave
