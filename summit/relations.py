"""Who provides what a recipe depends on, and which recipes depend on what it provides."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.script.implied import EVERY_ROOT
from summit import publishing
from summit.bulk import chunks
from summit.models import Dependency, Profile, Provider, Recipe, Usage
from summit.permissions import Viewer

MOST_DEPENDANTS = 200


@dataclass(frozen=True, kw_only=True)
class Need:
    """A dependency and who provides it: a recipe, the base image, or a published package of no recipe here."""

    capability: str
    provider: Recipe | None
    in_base: bool
    package: str = ""
    channel: str = ""
    implied_by: str = ""
    may_be_elsewhere: bool = False  # a profile resolves against an index that is not ours

    @property
    def is_missing(self) -> bool:
        """Says whether nobody that is known provides it."""
        return self.provider is None and not self.in_base and not self.package


def needs(dependencies: Iterable[Dependency], *, recipe: Recipe, user: Viewer) -> dict[str, list[Need]]:
    """Resolves dependencies against the project's recipes, its base images and what is published.

    Gives them by usage, each by name. What is published is looked up only where the others leave something open.
    """
    rows = list(dependencies)
    profiles = list(recipe.repository.project.profiles.prefetch_related("remotes"))
    providers = _providers({row.capability for row in rows}, recipe=recipe, user=user)
    base = {capability for profile in profiles for capability in profile.base_capabilities()}
    missing = {row.capability for row in rows} - providers.keys() - base
    published = _published(missing, profiles)
    elsewhere = any(not remote.is_ours for profile in profiles for remote in profile.remotes.all())
    found: dict[str, dict[str, Need]] = defaultdict(dict)
    for row in rows:
        capability = row.capability
        channel, package = published.get(capability, ("", ""))
        found[row.usage][str(capability)] = Need(
            capability=str(capability),
            provider=providers.get(capability),
            in_base=capability in base,
            package=package,
            channel=channel,
            implied_by=row.implied_by,
            may_be_elsewhere=elsewhere,
        )
    return {usage: [by_name[name] for name in sorted(by_name)] for usage, by_name in found.items()}


def dependants(recipe: Recipe, *, published: Iterable[Capability], user: Viewer) -> list[Recipe]:
    """Lists recipes with a dependency that this one provides, by name, up to `MOST_DEPENDANTS`.

    `published` are capabilities of its packages that its rows may lack.
    """
    asked = _any_of(published)
    for kind in recipe.providers.order_by().values_list("kind", flat=True).distinct():
        asked |= Q(kind=kind, target__in=recipe.providers.filter(kind=kind).order_by().values("target"))
    if not asked:
        return []
    # What every build root holds is needed by all, which says nothing about anybody.
    users = Dependency.objects.filter(asked).exclude(implied_by=EVERY_ROOT).order_by().values("recipe")
    return list(
        Recipe.objects.existing()
        .visible_to(user)
        .filter(pk__in=users, repository__project=recipe.repository.project_id)
        .exclude(pk=recipe.pk)
        .select_related("repository__project")
        .only("name", "repository__slug", "repository__project__slug")
        .order_by("name")[:MOST_DEPENDANTS]
    )


def asking_for(capabilities: Iterable[Capability], *, architecture: str) -> Iterator["QuerySet[Dependency]"]:
    """Finds the dependencies that recipes name on some capabilities, on an architecture: all of them in a few parts."""
    written = Dependency.objects.exclude(usage=Usage.IMPLIED).filter(architecture__in=["", architecture])
    for part in chunks(sorted(capabilities)):
        yield written.filter(_any_of(part))


def _providers(capabilities: set[Capability], *, recipe: Recipe, user: Viewer) -> dict[Capability, Recipe]:
    if not capabilities:
        return {}
    rows = (
        Provider.objects.filter(_any_of(capabilities), recipe__repository__project=recipe.repository.project_id)
        .filter(recipe__in=Recipe.objects.existing().visible_to(user))
        .select_related("recipe__repository__project")
        .order_by("-recipe__name")  # of several the first by name counts
    )
    return {row.capability: row.recipe for row in rows}


def _published(missing: set[Capability], profiles: Iterable[Profile]) -> dict[Capability, tuple[str, str]]:
    """Gives channel and package for those of the capabilities that a profile's own stream offers."""
    if not missing:
        return {}
    found: dict[Capability, tuple[str, str]] = {}
    for profile in profiles:
        offered = publishing.stream_of(profile).by_capability
        found.update((one, (profile.channel, offered[one].name)) for one in missing if one in offered)
    return found


def _any_of(capabilities: Iterable[Capability]) -> Q:
    """Filters rows of capabilities to these; an empty filter for none."""
    targets: dict[Kind, set[str]] = defaultdict(set)
    for capability in capabilities:
        targets[capability.kind].add(capability.target)
    asked = Q()
    for kind, names in targets.items():
        asked |= Q(kind=kind, target__in=sorted(names))
    return asked
