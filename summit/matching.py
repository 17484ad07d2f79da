"""Joins what tasks need with what others will provide, by hash: each distinct need is looked up once for all tasks."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
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
        has_runtime: whether a runtime dependency is among the reasons.
        has_implied: whether there are implied needs, which were not looked up.
    """

    wants: dict[int, dict[int, Reason]] = field(default_factory=dict)
    missing: dict[int, list[Capability]] = field(default_factory=dict)
    own: dict[int, Capability] = field(default_factory=dict)
    warnings: dict[int, list[str]] = field(default_factory=dict)
    has_runtime: bool = False
    has_implied: bool = False


class _Answer(NamedTuple):
    """Who provides what a need asks for: all keys, and (but for a runtime need) those that are going to be built."""

    going: tuple[int, ...]
    reason: Reason
    providers: tuple[int, ...]
    is_known: bool


def match(nodes: Sequence[Node], *, offered: AbstractSet[Capability], knows_all_remotes: bool) -> Matches:
    """Finds for every need the tasks that will meet it, but for implied ones; rules as in `queue.py`.

    A published runtime dependency makes no edge. Of several reasons for one edge the first that is not published is
    kept.
    """
    # Needs are shared by many tasks and hashing one costs more than finding it again by identity.
    needs = {id(need): need for node in nodes for need in node.needs}
    implied = {key for key, need in needs.items() if need.usage is Usage.IMPLIED}
    met = {
        key
        for key, need in needs.items()
        if need.usage is Usage.RUN and (not knows_all_remotes or need.capability in offered)
    }
    asked = {key: need for key, need in needs.items() if key not in implied and key not in met}
    answers = _answers(asked, nodes, offered=offered, knows_all_remotes=knows_all_remotes)
    guesses = Guesses(node for node in nodes if not node.is_certain and node.is_going)
    found = Matches(has_implied=bool(implied))
    for node in nodes:
        row = found.wants[node.key] = {}
        for need in node.needs:
            answer = answers.get(id(need))
            if answer is None:
                continue
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
    nodes: Iterable[Node],
    *,
    offered: AbstractSet[Capability],
    knows_all_remotes: bool,
) -> dict[int, _Answer]:
    """Looks needs up; those that what is published meets, and that no task provides, are left out."""
    wanted = {need.capability for need in needs.values()}
    providers: dict[Capability, list[int]] = {}
    for node in nodes:
        for capability in node.provides & wanted:
            providers.setdefault(capability, []).append(node.key)
    held = {node.key for node in nodes if not node.is_going}
    answers = {}
    for key, need in needs.items():
        others = tuple(providers.get(need.capability, ()))
        is_offered = need.capability in offered
        is_known = is_offered or not knows_all_remotes
        if others or not is_known:
            going = others if held.isdisjoint(others) else tuple(other for other in others if other not in held)
            answers[key] = _Answer(() if need.usage is Usage.RUN else going, Reason(need, is_offered), others, is_known)
    return answers


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
