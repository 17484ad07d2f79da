"""Names of packages within a project: what a recipe of one repository makes, no recipe of another may begin to make.

A recipe that would is kept as it was, with an error that names both: as it is read its old state is still there, and
goes on being built. Within one repository, whoever may push there decides. A recipe's own name is the matter of
`names.py`.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from serpent_infra.words import listed
from summit import doorbell
from summit.models import Project, Recipe, Repository
from summit.models.recipes import RecipeQuerySet
from summit.refresh.reading import Problem, Reading

_MOST_NAMED = 5
_FEW = 60  # names


@dataclass(frozen=True, slots=True)
class Maker:
    """The recipe that makes a package; `place` is "" where it is in a private repository."""

    name: str
    place: str
    repository: int


def hold_names(project: Project) -> None:
    """Lets two refreshes of a project take turns until the transaction ends: the second sees what the first stored."""
    Project.objects.select_for_update().get(pk=project.pk)


def guard_packages(repository: Repository, readings: Iterable[Reading]) -> None:
    """Turns each reading that claims a package of another repository into one with a problem; names must be held."""
    fresh = [reading for reading in readings if reading.recipe is not None]
    taken = _taken(repository, {name for reading in fresh for name in reading.package_names})
    if not taken:
        return
    own = {name for names in _good(repository).values_list("package_names", flat=True) for name in names}
    for reading in fresh:
        recipe = reading.recipe
        if recipe is None:
            continue
        claims = [name for name in reading.package_names if name in taken and name not in own]
        # Of two recipes of one name the whole of the second waits: `settle_names` says so.
        claims = [name for name in claims if taken[name].name != recipe.name]
        if claims:
            reading.claims, reading.recipe = claims, None
            reading.problem = Problem(_sentence(recipe.name, claims, taken))


def conflicts_of(project: Project, waiting: RecipeQuerySet) -> dict[int, str]:
    """Says of recipes that may have their names now which packages others make already: sentences by their keys.

    Of two that wait the first has what both would make.
    """
    rows = list(waiting.order_by("pk"))
    makers: dict[str, list[Maker]] = {}
    conflicts: dict[int, str] = {}
    if rows:
        for name, maker in _made(Recipe.objects.buildable().filter(repository__project=project)):
            makers.setdefault(name, []).append(maker)
    for row in rows:
        taken = {
            name: maker
            for name in row.package_names
            for maker in makers.get(name, ())
            if maker.repository != row.repository_id
        }
        if taken:
            conflicts[row.pk] = _sentence(row.name, sorted(taken), taken, waits="so this one is not built")
            continue
        for name, maker in _made(Recipe.objects.filter(pk=row.pk)):
            makers.setdefault(name, []).append(maker)
    return conflicts


def freed(repository: Repository) -> Mapping[str, str]:
    """Gives the recipes whose claims nobody else has any more, by path, with the commit that changed them last."""
    claiming = Recipe.objects.existing().filter(repository=repository).exclude(claims=[])
    rows = list(claiming.values_list("path", "error_commit", "claims"))
    taken = _taken(repository, {name for _, _, claims in rows for name in claims})
    return {path: commit for path, commit, claims in rows if not any(name in taken for name in claims)}


def ring_the_freed(repository: Repository, *, at: datetime) -> None:
    """Has the other repositories of a project read again, where a recipe of theirs may have what it claims now."""
    others = Repository.objects.filter(project=repository.project_id).exclude(pk=repository.pk)
    claiming = Recipe.objects.existing().exclude(claims=[]).values("repository")
    for other in others.filter(pk__in=claiming).order_by("pk"):
        if freed(other):
            other.request_refresh(at=at)
            doorbell.ring(doorbell.REFRESH, repository=other.pk)


def _good(repository: Repository) -> RecipeQuerySet:
    return Recipe.objects.buildable().filter(repository=repository)


def _taken(repository: Repository, wanted: Collection[str]) -> dict[str, Maker]:
    """Maps those of the wanted packages that recipes of the project's other repositories make to those recipes."""
    others = Recipe.objects.buildable().filter(repository__project=repository.project_id)
    others = others.exclude(repository=repository).order_by("-pk")
    if len(wanted) <= _FEW:  # the database finds a few names in its texts sooner than all are decoded here
        named = [Q(names__contains=json.dumps(name)) for name in wanted]
        others = others.annotate(names=Cast("package_names", TextField())).filter(reduce(or_, named, Q(pk__in=[])))
    return {name: maker for name, maker in _made(others) if name in wanted}


def _made(recipes: RecipeQuerySet) -> Iterator[tuple[str, Maker]]:
    """Gives each package of some recipes with its maker."""
    fields = ("package_names", "name", "path", "repository", "repository__slug", "repository__is_private")
    for names, name, path, repository, slug, is_private in recipes.values_list(*fields):
        maker = Maker(name, "" if is_private else f"{slug}: {path}", repository)
        yield from ((package, maker) for package in names)


def _sentence(
    name: str, claims: list[str], taken: Mapping[str, Maker], *, waits: str = "and it stays as it was"
) -> str:
    """Says which packages of whom; who may see this recipe need not be allowed to see the other."""
    first = taken[claims[0]]
    maker = f"{first.name} ({first.place})" if first.place else "a recipe of a private repository"
    which = f"the package{'' if len(claims) == 1 else 's'} {listed(claims, most=_MOST_NAMED)}"
    return f"{name} would make {which}, which {maker} of the project makes already, {waits}"
