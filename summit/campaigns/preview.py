"""What a campaign would cost, said before anybody clicks: how many, how long, what is in a cycle, what is in doubt."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from summit import dispatch, planning, publishing
from summit.campaigns.selection import Member, Selection, select
from summit.campaigns.tree import Tree, read_tree
from summit.graph import components
from summit.models import BuildTask, CampaignKind, Profile
from summit.needs import Node, Usage
from summit.permissions import Viewer
from summit.queue import Order, order
from summit.states import TaskStatus


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the order of a set of builds says of it; times in seconds, names sorted."""

    work: float
    longest_chain: float
    waves: int
    in_cycles: int
    largest_cycle: tuple[str, ...]
    blocked: tuple[tuple[str, str], ...]  # title and why


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The impact of a campaign; `failed` and `busy` are builds, by the recipe's name."""

    selection: Selection
    shape: Shape
    slots: int
    unknown: int  # members that were never built here: their times are guesses
    failed: tuple[BuildTask, ...]  # the latest builds of members, where those failed
    busy: tuple[BuildTask, ...]  # open builds of members: the profile's own, and those of other campaigns

    @property
    def count(self) -> int:
        """How many recipes it rebuilds."""
        return len(self.selection.members)

    @property
    def seconds(self) -> float | None:
        """How long it takes at least on today's fleet, as if nothing else were built; None without a slot."""
        return makespan(self.shape.work, self.shape.longest_chain, self.slots)


def makespan(work: float, longest_chain: float, slots: int) -> float | None:
    """Gives the time below which no schedule can come, in seconds: ours comes within a twentieth of it."""
    return max(longest_chain, work / slots) if slots else None


def preview(profile: Profile, kind: CampaignKind, argument: str, *, user: Viewer, at: datetime) -> Preview:
    """Says what a campaign would do, changing nothing; raises `BadArgument`."""
    return preview_of(profile, select(profile, kind, argument, user=user), at=at)


def preview_of(profile: Profile, selection: Selection, *, at: datetime) -> Preview:
    """Says what rebuilding a selection would mean."""
    members = selection.members
    times = planning.estimates_of(profile, [member.name for member in members])
    offer = publishing.offer_to(profile)
    tree = read_tree(profile.project_id, architecture=profile.architecture)
    nodes = nodes_of(members, tree, times)
    found = order(nodes, offered=offer.capabilities, knows_all_remotes=offer.knows_all)
    keys = [member.key for member in members]
    return Preview(
        selection=selection,
        shape=shape(nodes, found),
        slots=slots_for(profile, at=at),
        unknown=len(members) - _built(profile, keys),
        failed=_failed(profile, keys),
        busy=_busy(profile, keys),
    )


def nodes_of(members: Sequence[Member], tree: Tree, times: Mapping[str, float]) -> list[Node]:
    """Makes members nodes of an order in which all of them are built."""
    return [
        Node(
            key=member.key,
            name=member.name,
            title=member.title,
            provides=frozenset(one.provides),
            needs=tuple(one.needs),
            implied=one.implied,
            seconds=times.get(member.name, planning.DEFAULT_ESTIMATE),
            is_certain=one.has_manifest,
        )
        for member in members
        if (one := tree.get(member.key)) is not None
    ]


def shape(nodes: Sequence[Node], found: Order) -> Shape:
    """Reads off an order how much it is, how long its longest chain, and what is in a cycle."""
    titles = {node.key: node.title for node in nodes}
    names = {node.key: node.name for node in nodes}
    built_with: dict[int, list[int]] = {
        task: [needs for needs, reason in row.items() if reason.need.usage in {Usage.BUILD, Usage.CHECK}]
        for task, row in found.wants.items()
    }
    cycles = [group for group in components(built_with) if len(group) > 1]
    largest = max(cycles, key=len, default=[])
    return Shape(
        work=sum(node.seconds for node in nodes),
        longest_chain=max(found.priority.values(), default=0.0),
        waves=max(found.wave.values(), default=-1) + 1,
        in_cycles=sum(map(len, cycles)),
        largest_cycle=tuple(sorted(names[key] for key in largest)),
        blocked=tuple(sorted((titles[key], block.sentence) for key, block in found.blocks.items())),
    )


def slots_for(profile: Profile, *, at: datetime) -> int:
    """Counts the slots, busy or not, of builders that are there and could take the profile's builds."""
    able = dispatch.who_could_take(profile, at=at)
    return sum(builder.slots_total for builder in able if builder.is_online and not builder.is_draining)


def _built(profile: Profile, recipes: Collection[int]) -> int:
    """Counts the recipes whose build times are known."""
    rows = BuildTask.objects.filter(profile=profile, recipe__in=recipes, status=TaskStatus.COMPLETED)
    return rows.order_by().values("recipe").distinct().count()


def _failed(profile: Profile, recipes: Collection[int]) -> tuple[BuildTask, ...]:
    ended = BuildTask.objects.filter(status__in=(TaskStatus.COMPLETED, TaskStatus.FAILED))
    latest = ended.filter(profile=profile, recipe__in=recipes).order_by().values("recipe")
    rows = BuildTask.objects.filter(pk__in=latest.annotate(latest=Max("pk")).values("latest"))
    return tuple(rows.filter(status=TaskStatus.FAILED).with_names().order_by("source_name", "pk"))


def _busy(profile: Profile, recipes: Collection[int]) -> tuple[BuildTask, ...]:
    rows = BuildTask.objects.open().filter(profile=profile, recipe__in=recipes)
    return tuple(rows.with_names().order_by("source_name", "pk"))
