"""What is published of recipes that are gone from git, and who would miss it.

A recipe is gone when its project built it, something of it is in a profile's stream, and no recipe of its name is in
git for that stream any more: it was removed, or renamed. What was never built here is nobody's leftover.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from serpent_infra.formats.dependency import Capability
from summit import publishing, relations
from summit.bulk import chunks
from summit.models import BuildTask, Profile, Project, Recipe
from summit.permissions import Viewer
from summit.publishing import PublishedPackage
from summit.states import TaskStatus


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the stream of a profile holds of a recipe that is gone."""

    profile: Profile
    packages: tuple[PublishedPackage, ...]


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A recipe that is gone from git and still published; `recipe` is its row, which may have another name by now."""

    source_name: str
    recipe: Recipe
    gone_at: datetime | None
    places: tuple[Place, ...]

    @property
    def count(self) -> int:
        """How many packages of it are published, in all places."""
        return sum(len(place.packages) for place in self.places)

    @property
    def seen(self) -> str:
        """A text that is another one as soon as other packages of it are published, somewhere."""
        lines = [f"{place.profile.pk} {package}" for place in self.places for package in place.packages]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Reliance:
    """Who needs what goes: published packages with their stream, and recipes in git, each with what it needs.

    `hidden` counts recipes of repositories that the viewer may not see.
    """

    packages: tuple[tuple[PublishedPackage, str, Capability], ...] = ()
    recipes: tuple[tuple[Recipe, Capability], ...] = ()
    hidden: int = 0

    @property
    def is_empty(self) -> bool:
        """Says whether nobody would miss it."""
        return not (self.packages or self.recipes or self.hidden)

    @property
    def sentence(self) -> str:
        """Counts them, e.g. `2 published packages and 1 recipe need it`."""
        recipes = len(self.recipes) + self.hidden
        counts = [(len(self.packages), "published package"), (recipes, "recipe")]
        texts = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
        return f"{' and '.join(texts) or 'nothing'} {'need' if len(self.packages) + recipes > 1 else 'needs'} it"


def leftovers(project: Project, *, user: Viewer | None = None, source_name: str = "") -> list[Leftover]:
    """Lists what a project left in its streams, by name: of repositories that `user` may see, where one is given."""
    gone = _gone(project, user)
    if source_name:
        gone = {name: recipe for name, recipe in gone.items() if name == source_name}
    built = set(_built(project, gone))
    if not built:
        return []
    places: dict[str, list[Place]] = {}
    for profile in project.profiles.select_related("project").order_by("name"):
        wanted = built - names_in_git(profile)
        for name, packages in publishing.published_of(wanted, profile).items():
            places.setdefault(name, []).append(Place(profile=profile, packages=tuple(packages)))
    return [
        Leftover(
            source_name=name,
            recipe=gone[name],
            gone_at=gone[name].removed_at or gone[name].changed_at,
            places=tuple(places[name]),
        )
        for name in sorted(places)
    ]


def _gone(project: Project, user: Viewer | None) -> dict[str, Recipe]:
    """Maps names to the rows that had them and have them no more; the row that lost one latest counts."""
    rows = Recipe.objects.filter(repository__project=project).select_related("repository__project")
    if user is not None:
        rows = rows.visible_to(user)
    gone: dict[str, Recipe] = {}
    for row in rows.exclude(former_names=[]).order_by("pk"):
        gone |= dict.fromkeys(row.former_names, row)
    for row in rows.filter(removed_at__isnull=False, release__gt=0).order_by("removed_at", "pk"):
        gone[row.name] = row
    return gone


def _built(project: Project, names: Iterable[str]) -> Iterator[str]:
    """Narrows to names of which this project has published a build."""
    rows = BuildTask.objects.filter(profile__project=project, status=TaskStatus.COMPLETED)
    for chunk in chunks(sorted(names)):
        yield from rows.filter(source_name__in=chunk).order_by().values_list("source_name", flat=True).distinct()


def names_in_git(profile: Profile) -> set[str]:
    """Gives the names of recipes in git, broken ones too, of all projects that publish to a profile's stream."""
    publishers = Profile.objects.filter(channel=profile.channel, stream=profile.stream).values("project")
    rows = Recipe.objects.existing().filter(repository__project__in=publishers)
    return set(rows.order_by().values_list("name", flat=True))


def readers_of(profile: Profile) -> list[Profile]:
    """Lists the profiles of its architecture that publish to a profile's stream, or resolve against it."""
    place = {"channel": profile.channel, "stream": profile.stream}
    rows = Profile.objects.filter(Q(**place) | Q(remotes__channel=profile.channel, remotes__stream=profile.stream))
    rows = rows.filter(architecture=profile.architecture).distinct().order_by("pk")
    return list(rows.select_related("project").prefetch_related("remotes"))


def relying_on(leftover: Leftover, *, user: Viewer | None = None) -> Reliance:
    """Finds who needs something that nobody offers any more once a leftover is gone, of all places at once."""
    source, going = leftover.source_name, {_place(place.profile) for place in leftover.places}
    packages: dict[tuple[str, str], tuple[PublishedPackage, str, Capability]] = {}
    needs: dict[tuple[int, str], frozenset[Capability]] = {}  # by project and architecture
    for place in leftover.places:
        for reader in readers_of(place.profile):
            leaving: list[tuple[PublishedPackage, str]] = []
            staying: list[tuple[PublishedPackage, str]] = []
            for where, stream in publishing.streams_of(reader).items():
                for package in stream.by_name.values():
                    goes = (*where, package.architecture) in going and package.source_name == source
                    (leaving if goes else staying).append((package, "/".join(where)))
            gone = lost((one for one, _ in leaving), (one for one, _ in staying), reader.base_capabilities())
            for package, where_text in staying:
                if missed := package.depends & gone:
                    packages[where_text, package.name] = (package, where_text, min(missed, key=str))
            key = (reader.project_id, reader.architecture)
            needs[key] = needs.get(key, frozenset()) | gone
    recipes, hidden = _recipes(needs, user)
    return Reliance(packages=tuple(packages[key] for key in sorted(packages)), recipes=recipes, hidden=hidden)


def lost(
    leaving: Iterable[PublishedPackage], staying: Iterable[PublishedPackage], base: Collection[Capability]
) -> frozenset[Capability]:
    """Gives the capabilities that only what leaves provides."""
    provided = {capability for package in leaving for capability in package.provides}.difference(base)
    for package in staying:
        provided -= package.provides
    return frozenset(provided)


def _recipes(
    needs: dict[tuple[int, str], frozenset[Capability]], user: Viewer | None
) -> tuple[tuple[tuple[Recipe, Capability], ...], int]:
    """Finds the recipes in git that ask for one of these, and counts those that the user may not see."""
    found: dict[int, Capability] = {}
    for (project, architecture), capabilities in needs.items():
        for rows in relations.asking_for(capabilities, architecture=architecture):
            here = rows.filter(recipe__repository__project=project, recipe__removed_at__isnull=True)
            for row in here.order_by("pk"):
                found.setdefault(row.recipe_id, row.capability)
    shown = Recipe.objects.select_related("repository__project")
    if user is not None:
        shown = shown.visible_to(user)
    recipes = [row for chunk in chunks(sorted(found)) for row in shown.filter(pk__in=chunk)]
    recipes.sort(key=lambda row: (row.name, row.pk))
    return tuple((row, found[row.pk]) for row in recipes), len(found) - len(recipes)


def _place(profile: Profile) -> tuple[str, str, str]:
    return profile.channel, profile.stream, profile.architecture
