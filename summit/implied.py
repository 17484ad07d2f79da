"""Puts what macros, toolchain and build root imply into an order, pure: such needs are waited for, and stop nobody.

Nobody wrote them down, and the base image may offer them. So an implied need gives way wherever it would close a cycle,
or lead to what cannot go on: what was there before is used then. It never makes an edge of a recipe's own give way.
Every recipe implies some twenty: one that another need waits for already makes no edge, or these would be most of all.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain, groupby
from operator import or_

from serpent_infra.formats.dependency import Capability
from summit.graph import components
from summit.matching import Matches, Reason
from summit.needs import Need, Node, Usage

_NOBODY: AbstractSet[int] = frozenset()


def add_implied(
    nodes: Sequence[Node],
    found: Matches,
    staged: dict[int, set[int]],
    *,
    hard: dict[int, Collection[int]],
    groups: list[list[int]],
    blocked: Collection[int],
    offered: AbstractSet[Capability],
) -> list[list[int]]:
    """Adds implied edges to what was found: those that are waited for to `hard`, those that give way to `staged`.

    `hard` are the edges that are waited for without them, `groups` its components, `blocked` the tasks that cannot run.
    Gives the components of what is waited for with them, needs before those who need them.
    """
    bundles = _bundles(nodes, found.providers, blocked=blocked, offered=offered)
    return _Adding(bundles, found.wants, staged, hard).run(groups) if bundles else groups


@dataclass(frozen=True, slots=True)
class _Bundle:
    """What several tasks imply alike: who will provide it and why, those that cannot go on (`halted`) apart."""

    reasons: Mapping[int, Reason]
    going: AbstractSet[int]
    halted: AbstractSet[int]


def _bundles(
    nodes: Sequence[Node],
    providers: Mapping[Capability, Sequence[int]],
    *,
    blocked: Collection[int],
    offered: AbstractSet[Capability],
) -> dict[int, _Bundle]:
    """Gives by task what it implies and others will provide."""
    held = {node.key for node in nodes if not node.is_going}
    edges: dict[Capability, dict[int, Reason]] = {}
    found = {}
    for key, capabilities in {id(node.implied): node.implied for node in nodes}.items():
        reasons: dict[int, Reason] = {}
        for capability in reversed(capabilities):  # so that the first of several reasons is the one that stays
            row = edges.get(capability)
            if row is None:
                reason = Reason(Need(capability, Usage.IMPLIED), capability in offered)
                going = [provider for provider in providers.get(capability, ()) if provider not in held]
                row = edges[capability] = dict.fromkeys(going, reason)
            reasons.update(row)
        if reasons:
            halted = reasons.keys() & blocked
            found[key] = _Bundle(reasons, reasons.keys() - halted, halted)
    return {node.key: found[id(node.implied)] for node in nodes if id(node.implied) in found}


@dataclass(slots=True)
class _Adding:
    """One pass over the tasks, needs before those who need them.

    Attributes:
        done: by task the providers that are built when it is, as a set of bits. Each gets its bit as the pass comes to
            it, so that of any set the one with the highest bit waits for most of the others.
        bits: by provider its bit; 0 before the pass is there.
        masks: by bundle (its identity) the bits of all its providers that can go on.
        fewest: by bundle and bits that are lacking the edges to add, and the bits that are built then.
    """

    bundles: Mapping[int, _Bundle]
    wants: dict[int, dict[int, Reason]]
    staged: dict[int, set[int]]
    hard: dict[int, Collection[int]]
    done: dict[int, int] = field(default_factory=dict)
    bits: dict[int, int] = field(default_factory=dict)
    by_bit: list[int] = field(default_factory=list)
    masks: dict[int, int] = field(default_factory=dict)
    fewest: dict[tuple[int, int], tuple[Mapping[int, Reason], int]] = field(default_factory=dict)

    def run(self, groups: list[list[int]]) -> list[list[int]]:
        """Adds all edges, and gives the components of what is waited for."""
        self.done = dict.fromkeys(self.hard, 0)
        alike = {id(bundle): bundle.going for bundle in self.bundles.values()}
        self.bits = dict.fromkeys(chain.from_iterable(alike.values()), 0)
        place = {key: number for number, group in enumerate(groups) for key in group}
        found: list[list[int]] = []
        for group in components(self._joined()):
            if len(group) == 1:
                if group[0] >= 0:
                    self._add(group[0], _NOBODY)
                    found.append(group)
                continue
            # What is implied has closed a cycle, and gives way: what is written orders its members.
            tasks = sorted((key for key in group if key >= 0), key=place.__getitem__)
            cycle = frozenset(tasks)
            for task in tasks:
                self._add(task, cycle)
            found += [[*members] for _, members in groupby(tasks, key=place.__getitem__)]
        return found

    def _joined(self) -> dict[int, Collection[int]]:
        """Joins all that could be waited for; a bundle is a node below zero between its tasks and their providers."""
        joined: dict[int, Collection[int]] = {}
        numbers: dict[tuple[int, AbstractSet[int]], int] = {}
        for task, row in self.hard.items():
            bundle = self.bundles.get(task)
            if bundle is None:
                joined[task] = row
                continue
            held = self.staged.get(task)
            given_way = frozenset(held) & bundle.going if held else _NOBODY
            number = numbers.setdefault((id(bundle), given_way), -1 - len(numbers))
            joined[task] = [*row, number]
            if number not in joined:
                joined[number] = bundle.going - given_way
        return joined

    def _add(self, task: int, cycle: AbstractSet[int]) -> None:
        """Adds the edges of a task; `cycle` are the members of the one that it would be in, itself among them."""
        done = reduce(or_, map(self.done.__getitem__, self.hard[task]), 0)
        if bundle := self.bundles.get(task):
            given_way = self.staged.get(task)
            if cycle or given_way:
                mask = self._mask(bundle.going - cycle - (given_way or _NOBODY))
            else:
                mask = self.masks.get(id(bundle)) or self.masks.setdefault(id(bundle), self._mask(bundle.going))
            if lacking := mask & ~done:
                row, more = self._fewest(bundle, lacking)
                done |= more
                self.hard[task] = [*self.hard[task], *row]  # a new one: it may be the very row of `wants`
                self.wants[task].update(row)
            if cycle or bundle.halted:
                self._give_way(task, bundle, bundle.halted | (bundle.going & cycle))
        if task in self.bits:
            self.bits[task] = 1 << len(self.by_bit)
            self.by_bit.append(task)
            done |= self.bits[task]
        self.done[task] = done

    def _mask(self, providers: Iterable[int]) -> int:
        return reduce(or_, map(self.bits.__getitem__, providers), 0)

    def _fewest(self, bundle: _Bundle, lacking: int) -> tuple[Mapping[int, Reason], int]:
        """Chooses the fewest providers that are built after all that are lacking; many tasks lack the same."""
        key = (id(bundle), lacking)
        if key not in self.fewest:
            row, done = {}, 0
            while left := lacking & ~done:
                provider = self.by_bit[left.bit_length() - 1]
                row[provider] = bundle.reasons[provider]
                done |= self.done[provider]
            self.fewest[key] = (row, done)
        return self.fewest[key]

    def _give_way(self, task: int, bundle: _Bundle, providers: AbstractSet[int]) -> None:
        """Notes edges that are not waited for, where there is none yet."""
        row = self.wants[task]
        if fewer := providers - row.keys() - {task}:
            self.hard[task] = [*self.hard[task]]
            row.update((needs, bundle.reasons[needs]) for needs in fewer)
            self.staged.setdefault(task, set()).update(fewer)
