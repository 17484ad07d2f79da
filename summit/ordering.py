"""Keeps a profile's waiting tasks in order: needs, blocks, priorities and waves, as the pure queue computes them.

`reorder` is both what happens when tasks are added and the consistency check: running it again changes nothing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q

from serpent_infra.formats.dependency import Capability, Kind
from summit import bulk, doorbell, publishing
from summit.models import BuildTask, Campaign, Dependency, Profile, Provider, TaskEdge, moves
from summit.needs import Edge, EdgeKind, Need, Node, Usage
from summit.queue import Order, order
from summit.states import IN_PROGRESS, WAITING, TaskStatus

# A failed task is waited for by those who need what nothing published offers.
_HELD = {TaskStatus.FAILED: "failed", TaskStatus.CANCELLED: "was cancelled", TaskStatus.REJECTED: "was rejected"}


_KEYS = 3


class _Stored(NamedTuple):
    """A need as it is stored: its keys, then what may change."""

    pk: int
    task: int
    needs: int
    capability: str
    usage: str
    kind: str
    published: str


def lock(profile: Profile) -> None:
    """Takes the profile's row until the transaction ends: counts of unmet needs are changed by one at a time."""
    Profile.objects.select_for_update().get(pk=profile.pk)


def reorder(profile: Profile, *, campaign: Campaign | None = None, at: datetime) -> Order:
    """Computes the order of all open tasks of a profile and stores what differs; then rings the dispatch.

    Those of a campaign have an order of their own, among themselves and against what its stream offers.
    """
    with transaction.atomic():
        lock(profile)
        tasks = _tasks(profile, campaign)
        offer = publishing.offer_to(profile, campaign)
        waiting = {key for key, task in tasks.items() if task.status in WAITING}
        pending = Q(kind=EdgeKind.STAGED) | Q(satisfied_at__isnull=True)
        rows = TaskEdge.objects.filter(pending, task__in=waiting).values_list(*_Stored._fields)
        edges = [_Stored(*row) for row in rows]
        found = order(_nodes(profile, tasks, edges), offered=offer.capabilities, knows_all_remotes=offer.knows_all)
        wanted = {(edge.task, edge.needs): edge for edge in found.edges if edge.task in waiting}
        _store_edges(wanted, edges, offer)
        _store_tasks(tasks, waiting, found, wanted.values())
        _store_blocks(tasks, waiting, found, at=at)
        _inherit_security(tasks, waiting, found, at=at)
        doorbell.ring(doorbell.DISPATCH)
    return found


def _tasks(profile: Profile, campaign: Campaign | None) -> dict[int, BuildTask]:
    """Fetches open tasks, and closed ones without a result that are still what their recipe, or the campaign, wants."""
    held = Q(status__in=sorted(_HELD))
    if campaign is None:
        held &= Q(recipe__removed_at__isnull=True, commit=F("recipe__commit"))
    rows = BuildTask.objects.filter(held | Q(status__in=sorted(WAITING | IN_PROGRESS)), profile=profile)
    rows = rows.filter(campaign=campaign).order_by("pk")
    found: dict[int, BuildTask] = {}
    newest: dict[int, BuildTask] = {}
    for task in rows:
        if task.is_open or task.recipe_id not in newest or not newest[task.recipe_id].is_open:
            newest[task.recipe_id] = task
    for task in newest.values():
        found[task.pk] = task
    return found


@dataclass(slots=True)
class _Capabilities:
    """What a recipe provides, needs and implies for one architecture; recipes that imply the same share the tuple."""

    provides: set[Capability] = field(default_factory=set)
    needs: dict[Need, None] = field(default_factory=dict)
    implied: tuple[Capability, ...] = ()
    has_manifest: bool = False


def _nodes(profile: Profile, tasks: Mapping[int, BuildTask], edges: Iterable[_Stored]) -> list[Node]:
    recipes = read_capabilities({task.recipe_id for task in tasks.values()}, architecture=profile.architecture)
    waits_for: dict[int, set[int]] = {}
    for edge in edges:
        if edge.kind == EdgeKind.HARD:
            waits_for.setdefault(edge.task, set()).add(edge.needs)
    nodes = []
    for task in tasks.values():
        recipe = recipes.get(task.recipe_id, _Capabilities())
        is_waiting = task.status in WAITING
        nodes.append(
            Node(
                key=task.pk,
                name=task.source_name,
                title=f"{task.source_name} {task.version}-{task.release}",
                provides=frozenset(recipe.provides),
                needs=tuple(recipe.needs) if is_waiting else (),
                implied=recipe.implied if is_waiting else (),
                seconds=task.estimate_seconds,
                is_certain=recipe.has_manifest,
                is_going=task.is_open and task.status != TaskStatus.IN_REVIEW,
                stuck=_HELD.get(TaskStatus(task.status), ""),
                waits_for=frozenset(waits_for.get(task.pk, ())),
            )
        )
    return nodes


def read_capabilities(recipes: set[int], *, architecture: str) -> Mapping[int, _Capabilities]:
    """Reads providers and needs of many recipes: a manifest of the architecture counts before what the recipe names."""
    found: dict[int, _Capabilities] = {recipe: _Capabilities() for recipe in recipes}
    known: dict[tuple[int, str], Capability] = {}

    def capability(kind: int, target: str) -> Capability:
        if (kind, target) not in known:
            known[kind, target] = Capability(Kind(kind), target)
        return known[kind, target]

    rows = Provider.objects.filter(recipe__in=recipes, architecture__in=["", architecture])
    fields = ("recipe_id", "kind", "target", "architecture")
    for recipe, kind, target, of in rows.values_list(*fields):
        found[recipe].provides.add(capability(kind, target))
        found[recipe].has_manifest |= of != ""
    needs = Dependency.objects.filter(recipe__in=recipes, architecture__in=["", architecture]).order_by("usage", "pk")
    shared: dict[tuple[int, str, str], Need] = {}  # recipes need much the same, and the order compares by identity
    implied: dict[int, list[Capability]] = {}
    for recipe, kind, target, usage in needs.values_list("recipe_id", "kind", "target", "usage"):
        if usage == Usage.IMPLIED:
            implied.setdefault(recipe, []).append(capability(kind, target))
            continue
        need = shared.get((kind, target, usage))
        if need is None:
            need = shared[kind, target, usage] = Need(capability(kind, target), Usage(usage))
        found[recipe].needs[need] = None
    bundles: dict[tuple[Capability, ...], tuple[Capability, ...]] = {}
    for recipe, capabilities in implied.items():
        found[recipe].implied = bundles.setdefault(one := tuple(capabilities), one)
    return found


def _store_edges(wanted: Mapping[tuple[int, int], Edge], stored: Iterable[_Stored], offer: publishing.Offer) -> None:
    """Makes the stored needs those that are wanted; met ones stay, as history."""
    rows = {(edge.task, edge.needs): edge for edge in stored}
    bulk.delete(TaskEdge, [row.pk for pair, row in rows.items() if pair not in wanted])
    changed = []
    for pair, edge in wanted.items():
        values = _values(edge, offer)
        if pair not in rows or rows[pair][_KEYS:] != values:
            changed.append((*pair, *values, None))
    # A pair that was met before (a retried need) is waited for again.
    columns = ("task_id", "needs_id", *_Stored._fields[_KEYS:], "satisfied_at")
    bulk.upsert(TaskEdge, columns, changed, unique=("task_id", "needs_id"))


def _values(edge: Edge, offer: publishing.Offer) -> tuple[str, str, str, str]:
    """Gives the columns of a need, in the order of `_Stored`."""
    published = ""
    if edge.kind is EdgeKind.STAGED:
        package = offer.by_capability.get(edge.capability)
        published = "the base image's own"
        if package is not None:
            published = f"{package.name} {package.version}-{package.release}"
        elif edge.capability not in offer.base:
            published = ""
    return str(edge.capability)[:560], edge.usage.value, edge.kind.value, published[:400]


def _store_tasks(tasks: Mapping[int, BuildTask], waiting: set[int], found: Order, edges: Iterable[Edge]) -> None:
    blockers = dict.fromkeys(waiting, 0)
    for edge in edges:
        if edge.kind is EdgeKind.HARD:
            blockers[edge.task] += 1
    changed = []
    for key in waiting:
        task = tasks[key]
        values = (blockers[key], round(found.priority[key], 3), found.wave[key], list(found.warnings.get(key, ())))
        if values != (task.blockers, task.priority, task.wave, task.warnings):
            changed.append((*values[:3], json.dumps(values[3]), key))
    bulk.update(BuildTask, ["blockers", "priority", "wave", "warnings"], changed)


def _store_blocks(tasks: Mapping[int, BuildTask], waiting: set[int], found: Order, *, at: datetime) -> None:
    """Blocks queued tasks that cannot run, and puts back those for which the reason is gone."""
    blocked = {}
    free = []
    for key in waiting:
        task, block = tasks[key], found.blocks.get(key)
        if block is None and task.status == TaskStatus.BLOCKED:
            free.append(key)
        elif block is not None and task.status != TaskStatus.IN_REVIEW:
            same = task.status == TaskStatus.BLOCKED and task.problem == block.sentence
            if not same:
                blocked[key] = (block.reason, block.sentence)
    BuildTask.objects.block_all(blocked, at=at)
    BuildTask.objects.unblock_all(free, sentence="what stopped it is gone", at=at)


def _inherit_security(tasks: Mapping[int, BuildTask], waiting: set[int], found: Order, *, at: datetime) -> None:
    """Lets what a security build waits for go with it."""
    frontier = sorted(key for key in waiting if tasks[key].is_security)
    reached, told = set(frontier), {}
    while frontier:
        key = frontier.pop()
        needs = ((found.wants[key].keys() - found.staged.get(key, set())) & waiting) - reached
        sentence = f"marked as security, because {tasks[key].source_name} waits for it"
        told.update(dict.fromkeys(needs, sentence))
        frontier.extend(sorted(needs))
        reached |= needs
    if told:
        moves.mark_security(BuildTask.objects.all(), told, is_security=True, actor=None, at=at)
