"""Which recipes a campaign rebuilds: what its kind and argument mean, and which of them cannot be rebuilt and why.

A campaign rebuilds what is published at its recipe's present release; what is newer or missing is planned without it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.words import listed
from summit import publishing
from summit.campaigns.tree import Tree, read_tree
from summit.models import Campaign, CampaignKind, Dependency, Profile, Provider, Recipe, Repository
from summit.needs import Usage
from summit.permissions import Viewer

# What a build is made with; a runtime dependency alone is no reason to build again.
_BUILT_WITH = frozenset({Usage.BUILD, Usage.CHECK})
_NAMED = 5


class BadArgument(Exception):
    """The argument names nothing that could be rebuilt; the text says what and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A recipe as a campaign sees it."""

    key: int
    name: str
    version: str
    release: int
    repository: int

    @property
    def title(self) -> str:
        """Name, version and release, as sentences call it."""
        return f"{self.name} {self.version}-{self.release}"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a campaign rebuilds, by name; `left_out` are names that were meant, each with the reason."""

    members: tuple[Member, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def repositories(self) -> set[int]:
        """The repositories it concerns."""
        return {member.repository for member in self.members}


def select(
    profile: Profile, kind: CampaignKind, argument: str, *, user: Viewer, campaign: Campaign | None = None
) -> Selection:
    """Chooses among the project's recipes that the user may see; raises `BadArgument`.

    With `campaign`, what that one's stream offers decides what is published.
    """
    known = _recipes(profile, user)
    stream = publishing.stream_of(profile, campaign)
    meant = _meant(profile, kind, argument.strip(), known, stream)
    return _divide((known[key] for key in meant), stream)


def reach(profile: Profile, recipes: Collection[int], *, user: Viewer) -> Selection:
    """Chooses what is built, at any distance, with something that these recipes provide, published or not."""
    known = _recipes(profile, user)
    found = dependants(read_tree(profile.project_id, architecture=profile.architecture), recipes, is_far=True)
    meant = sorted(found & known.keys(), key=lambda key: (known[key].name, key))
    return Selection(members=tuple(known[key] for key in meant), left_out=())


def _recipes(profile: Profile, user: Viewer) -> dict[int, Member]:
    """Reads the recipes that may be built for the profile's architecture."""
    rows = Recipe.objects.buildable().filter(
        repository__project=profile.project_id, repository__in=Repository.objects.visible_to(user)
    )
    fields = ("pk", "name", "version", "release", "repository", "architectures")
    return {
        key: Member(key=key, name=name, version=version, release=release, repository=repository)
        for key, name, version, release, repository, architectures in rows.order_by("name", "pk").values_list(*fields)
        if profile.builds(architectures)
    }


def _meant(
    profile: Profile, kind: CampaignKind, argument: str, known: Mapping[int, Member], stream: publishing.Stream
) -> list[int]:
    if kind == CampaignKind.TREE:
        return list(known)
    if not argument:
        raise BadArgument("say which: a capability, or names of recipes")
    found: Iterable[int]
    match kind:
        case CampaignKind.CAPABILITY:
            found = _depending_on(_capability(argument), profile, known, stream)
        case CampaignKind.LIST:
            found = _named(argument.replace(",", " ").split(), known)
        case _:
            [one] = _named([argument], known)
            tree = read_tree(profile.project_id, architecture=profile.architecture)
            found = dependants(tree, {one}, is_far=kind == CampaignKind.REACH)
    return sorted((key for key in found if key in known), key=lambda key: (known[key].name, key))


def dependants(tree: Tree, recipes: Collection[int], *, is_far: bool) -> set[int]:
    """Finds the recipes whose build or check needs something that these provide, directly or at any distance.

    These themselves are not among them, not even where they are part of a cycle.
    """
    users: dict[Capability, set[int]] = {}
    for key, one in tree.items():
        for need in one.needs:
            if need.usage in _BUILT_WITH:
                users.setdefault(need.capability, set()).add(key)
    found: set[int] = set()
    start = set(recipes) & tree.keys()
    frontier = start
    while frontier:
        provided = {capability for key in frontier for capability in tree[key].provides}
        reached = {key for capability in provided for key in users.get(capability, ())}
        frontier = reached - found - start
        found |= frontier
        if not is_far:
            break
    return found


def _capability(text: str) -> Capability:
    try:
        return Capability.parse(text)
    except FormatError as error:
        raise BadArgument(f"{error}") from error


def _depending_on(
    capability: Capability, profile: Profile, known: Mapping[int, Member], stream: publishing.Stream
) -> set[int]:
    """Finds who depends on a capability, by recipe, manifest or published package, and does not provide it."""
    asked = {"kind": capability.kind, "target": capability.target, "architecture__in": ["", profile.architecture]}
    within = {"recipe__repository__project": profile.project_id}
    found = set(Dependency.objects.filter(**asked, **within).values_list("recipe", flat=True))
    sources = {package.source_name for package in stream.by_name.values() if capability in package.depends}
    found |= {key for key, member in known.items() if member.name in sources}
    providers = set(Provider.objects.filter(**asked, **within).values_list("recipe", flat=True))
    if not found - providers:
        raise BadArgument(f"nothing depends on {capability}")
    return found - providers


def _named(names: Collection[str], known: Mapping[int, Member]) -> list[int]:
    """Finds recipes by name; one that several repositories have is meant in all of them."""
    by_name: dict[str, list[int]] = {}
    for key, member in known.items():
        by_name.setdefault(member.name, []).append(key)
    strange = sorted({name for name in names if name not in by_name})
    if strange:
        raise BadArgument(f"no recipe that could be built is named {listed(strange, most=_NAMED)}")
    return [key for name in dict.fromkeys(names) for key in by_name[name]]


def _divide(meant: Iterable[Member], stream: publishing.Stream) -> Selection:
    """Keeps those that the stream offers at their present release."""
    published: dict[str, int] = {}
    for name, release in stream.build_releases:
        published[name] = max(release, published.get(name, 0))
    members, left_out = [], []
    for member in meant:
        offered = published.get(member.name)
        if offered == member.release:
            members.append(member)
        elif offered is None:
            left_out.append((member.title, "nothing of it is published yet"))
        elif offered < member.release:
            left_out.append((member.title, f"release {offered} is published; its update is planned by itself"))
        else:
            left_out.append((member.title, f"the newer release {offered} is published"))
    return Selection(members=tuple(members), left_out=tuple(left_out))
