"""Joins what tasks need with what others will provide, by hash: each distinct need is looked up once for all tasks."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from serpent_infra.formats.dependency import Capability, Kind
from summit.guessing import Guesses
from summit.needs import Need, Node, Usage


class Reason(NamedTuple):
    """Why one task waits for another; `is_offered` says that something published would do as well."""

    need: Need
    is_offered: bool


@dataclass(slots=True)
class Matches:
    """What looking up every need brings.

    Attributes:
        wants: by task the tasks that it needs, each with the reason; every task is there.
        missing: by task what nobody provides.
        own: by task what only the task itself would provide.
        warnings: by task sentences about what does not stop a build.
        providers: by capability that is needed or implied all who provide it, those that are not going among them.
        has_runtime: whether a runtime dependency is among the reasons.
    """

    wants: dict[int, dict[int, Reason]] = field(default_factory=dict)
    missing: dict[int, list[Capability]] = field(default_factory=dict)
    own: dict[int, Capability] = field(default_factory=dict)
    warnings: dict[int, list[str]] = field(default_factory=dict)
    providers: Mapping[Capability, Sequence[int]] = field(default_factory=dict)
    has_runtime: bool = False


class _Answer(NamedTuple):
    """Who provides what a need asks for: all keys, and (but for a runtime need) those that are going to be built."""

    going: tuple[int, ...]
    reason: Reason
    providers: tuple[int, ...]
    is_known: bool


@dataclass(slots=True)
class _Answers:
    """What needs come to, by their identity.

    `plain` are those that exactly one task will meet, and something published would, too: nearly all of a rebuild.
    What is published already and no task provides is in neither.
    """

    plain: dict[int, tuple[int, Reason]] = field(default_factory=dict)
    others: dict[int, _Answer] = field(default_factory=dict)


def match(nodes: Sequence[Node], *, offered: AbstractSet[Capability], knows_all_remotes: bool) -> Matches:
    """Finds for every need the tasks that will meet it, but for what is implied; rules as in `queue.py`.

    A published runtime dependency makes no edge. Of several reasons for one edge the first that is not published is
    kept.
    """
    # Needs are shared by many tasks, and hashing one costs more than finding it again by its identity.
    everything = [*chain.from_iterable([node.needs for node in nodes])]
    needs = dict(zip(map(id, everything), everything, strict=True))
    bundles = {id(node.implied): node.implied for node in nodes}
    providers = _providers(nodes, {need.capability for need in needs.values()}.union(*bundles.values()))
    held = {node.key for node in nodes if not node.is_going}
    answers = _answers(needs, providers, held=held, offered=offered, knows_all_remotes=knows_all_remotes)
    guesses = Guesses(node for node in nodes if not node.is_certain and node.is_going)
    found = Matches(providers=providers)
    for node in nodes:
        # Backwards, so that the first of several reasons for an edge is the one that stays.
        row = dict(filter(None, map(answers.plain.get, map(id, reversed(node.needs)))))
        row.pop(node.key, None)
        found.wants[node.key] = row
        for answer in filter(None, map(answers.others.get, map(id, node.needs))):
            going, reason = answer.going, answer.reason
            if not going or node.waits_for or node.key in going:  # all but the common case
                going = _choose(found, node, answer, guesses)
            for other in going:
                known = row.setdefault(other, reason)
                if known is not reason and known.is_offered and not reason.is_offered:
                    row[other] = reason
    return found


def _answers(
    needs: Mapping[int, Need],
    providers: Mapping[Capability, Sequence[int]],
    *,
    held: AbstractSet[int],
    offered: AbstractSet[Capability],
    knows_all_remotes: bool,
) -> _Answers:
    answers = _Answers()
    for key, need in needs.items():
        is_offered = need.capability in offered
        is_known = is_offered or not knows_all_remotes
        is_run = need.usage is Usage.RUN
        if is_run and is_known:
            continue
        others = providers.get(need.capability, ())
        if is_offered and len(others) == 1 and others[0] not in held:
            answers.plain[key] = (others[0], Reason(need, is_offered))
        elif others or not is_known:
            going = () if is_run else tuple(other for other in others if other not in held)
            answers.others[key] = _Answer(going, Reason(need, is_offered), tuple(others), is_known)
    return answers


def _providers(nodes: Sequence[Node], wanted: AbstractSet[Capability]) -> dict[Capability, list[int]]:
    providers: dict[Capability, list[int]] = {}
    for node in nodes:
        for capability in node.provides & wanted:
            providers.setdefault(capability, []).append(node.key)
    return providers


def _choose(found: Matches, node: Node, answer: _Answer, guesses: Guesses) -> tuple[int, ...]:
    """Names who will provide it: what is going, or was waited for; others only where nothing published does."""
    need = answer.reason.need
    others = tuple(other for other in answer.providers if other != node.key)
    if need.usage is Usage.RUN:
        return _choose_runtime(found, node, need, others)
    chosen = tuple(other for other in others if other in answer.going or other in node.waits_for)
    if not chosen and not answer.reason.is_offered:
        chosen = others
    if not chosen and not answer.is_known:
        if need.capability not in node.provides:
            chosen = tuple(guesses.providers(need.capability, besides=node.key))
        if not chosen:
            _note_absent(found, node, need)
    return chosen


def _choose_runtime(found: Matches, node: Node, need: Need, others: tuple[int, ...]) -> tuple[int, ...]:
    if need.capability in node.provides:
        return ()
    if others:
        found.has_runtime = True
    elif need.capability.kind is not Kind.INTERPRETER:
        sentence = f"its packages will need {need.capability}, which nothing provides"
        if sentence not in (known := found.warnings.setdefault(node.key, [])):
            known.append(sentence)
    return others


def _note_absent(found: Matches, node: Node, need: Need) -> None:
    if need.capability in node.provides:
        found.own.setdefault(node.key, need.capability)
    else:
        found.missing.setdefault(node.key, []).append(need.capability)
