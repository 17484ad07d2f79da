"""One recipe: its metadata, what it needs and provides, its builds, and what is wrong with it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from serpent_infra.formats.dependency import Capability
from summit import demands, leftovers, publishing, relations
from summit.models import Dependency, Profile, Recipe, Usage
from summit.permissions import Viewer
from summit.states import TaskStatus

FEW = 15
MOST_PILLS = 400
MOST_RELEASES = 20


@require_safe
def recipe_detail(request: HttpRequest, project: str, repository: str, name: str) -> HttpResponse:
    """Shows the recipe of that name; one that is gone from git only where no other took its name."""
    found = (
        Recipe.objects.visible_to(request.user)
        .filter(repository__project__slug=project, repository__slug=repository, name=name)
        .select_related("repository__project")
        .order_by("removed_at", "path")
    )
    recipe = next(iter(sorted(found, key=lambda row: row.is_removed)), None)
    if recipe is None:
        raise Http404
    profile = _publisher(recipe)
    published = publishing.packages_of(recipe.name, profile) if profile else []
    dependencies = list(recipe.dependencies.order_by("kind", "target"))
    if not recipe.manifests:
        # Without a manifest in git, what was published says best what the packages need and provide.
        dependencies += [_run_dependency(recipe, one) for package in published for one in package.depends]
    needs = relations.needs(dependencies, recipe=recipe, user=request.user)
    builds = list(recipe.tasks.latest_first().select_related("profile__project", "submission")[:FEW])
    offered = [] if recipe.manifests else [one for package in published for one in package.provides]
    users = relations.dependants(recipe, published=offered, user=request.user)
    releases = list(recipe.releases.newest_first()[: MOST_RELEASES + 1])
    left = []
    if recipe.is_removed:
        left = leftovers.leftovers(recipe.repository.project, user=request.user, source_name=recipe.name)
    context = {
        "section": "collections",
        "leftover": left[0] if left else None,
        "project": recipe.repository.project,
        "repository": recipe.repository,
        "recipe": recipe,
        "build_needs": needs.get("build", []),
        "check_needs": needs.get("check", []),
        "run_needs": needs.get("run", []),
        "implied_needs": sorted(needs.get("implied", []), key=lambda need: (need.implied_by, need.capability)),
        "provides": _provides(recipe, published),
        "most_pills": MOST_PILLS,
        "packages": _packages(recipe, published),
        "published": published,
        "builds": builds,
        "profiles": _profiles(recipe, request.user),
        "can_rebuild": recipe.repository.can_submit(request.user),
        "releases": releases[:MOST_RELEASES],
        "has_more_releases": len(releases) > MOST_RELEASES,
        "dependants": users,
        "has_more_dependants": len(users) == relations.MOST_DEPENDANTS,
        "channel": profile.channel if profile else "",
        "demands": demands.of_recipe(recipe.name),
    }
    return render(request, "summit/recipe_detail.html", context)


def _profiles(recipe: Recipe, user: Viewer) -> list[Profile]:
    """Lists the profiles for which a person could have it, or what depends on it, built again."""
    if not user.is_authenticated or recipe.is_removed or not recipe.release:
        return []
    return list(recipe.repository.project.profiles.order_by("name"))


def _provides(recipe: Recipe, published: list[publishing.PublishedPackage]) -> list[str]:
    rows = recipe.providers.order_by("kind", "target")[:MOST_PILLS]
    names = [str(row) for row in rows]
    if not recipe.manifests:
        names += [str(one) for one in sorted({one for package in published for one in package.provides})]
    return list(dict.fromkeys(names))


def _packages(recipe: Recipe, published: list[publishing.PublishedPackage]) -> list[dict[str, str]]:
    """Lists what the recipe says and what was published, each name once; `release` is "" for what was not."""
    releases = {package.name: f"{package.version}-{package.release}" for package in published}
    summaries = {row["name"]: row.get("summary", "") for row in reversed(recipe.packages)}
    names = list(dict.fromkeys([*(row["name"] for row in recipe.packages), *releases]))
    return [{"name": name, "summary": summaries.get(name, ""), "release": releases.get(name, "")} for name in names]


def _run_dependency(recipe: Recipe, capability: Capability) -> Dependency:
    return Dependency(recipe=recipe, usage=Usage.RUN, kind=capability.kind, target=capability.target)


def _publisher(recipe: Recipe) -> Profile | None:
    """Gives the profile for which it was published latest, None before the first time."""
    task = recipe.tasks.filter(status=TaskStatus.COMPLETED).order_by("-pk").select_related("profile").first()
    return task.profile if task else None
