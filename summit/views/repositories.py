"""A collection: one repository's recipes, its README, and who may push and review there."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import F, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from serpent_infra import markdown
from summit import intake, permissions
from summit.models import BuildTask, Repository
from summit.models.recipes import RecipeQuerySet
from summit.states import IN_PROGRESS, WAITING, TaskStatus

PAGE_SIZE = 100
STATES = {
    "": "all",
    "broken": "broken",
    "newer": "newer than published",
    "waiting": "waiting",
    "building": "being built",
    "failed": "failed",
}
_WANTED = {
    "broken": ~Q(error="", conflict=""),
    "newer": Q(release__gt=0) & (Q(completed_release__isnull=True) | Q(completed_release__lt=F("release"))),
    "waiting": Q(latest_status__in=sorted(WAITING)),
    "building": Q(latest_status__in=sorted(IN_PROGRESS)),
    "failed": Q(latest_status=TaskStatus.FAILED),
}
SORTS = {"": ("name", "path"), "changed": ("-changed_at", "name")}


@require_safe
def repository_detail(request: HttpRequest, project: str, repository: str) -> HttpResponse:
    """Lists the recipes, filtered and sorted as one wishes, beside the README."""
    found = _visible(request, project, repository)
    query = request.GET.get("q", "").strip()[:100]
    state = request.GET.get("state", "")
    sort = request.GET.get("sort", "")
    recipes = _with_builds(found.recipes.existing()).filter(_WANTED.get(state, Q()))
    if query:
        recipes = recipes.filter(Q(name__icontains=query) | Q(summary__icontains=query))
    context = {
        "section": "collections",
        "project": found.project,
        "repository": found,
        "page": Paginator(recipes.order_by(*SORTS.get(sort, SORTS[""])), PAGE_SIZE).get_page(request.GET.get("page")),
        "readme": markdown.render(found.readme) if found.readme else "",
        "query": query,
        "state": state,
        "sort": sort,
        "states": STATES,
        "broken_count": found.recipes.broken().count(),
        "reviewers": permissions.reviewers(found),
        "needs_review": found.needs_review,
        "can_manage": found.can_manage(request.user),
    }
    return render(request, "summit/repository_detail.html", context)


@login_required
@require_POST
def repository_refresh(request: HttpRequest, project: str, repository: str) -> HttpResponse:
    """Asks for a refresh from git now."""
    found = _visible(request, project, repository)
    if not found.can_manage(request.user):
        raise PermissionDenied
    intake.request_refresh(found, at=timezone.now())
    messages.success(request, "The repository will be read again in a moment.")
    return redirect(found)


def _visible(request: HttpRequest, project: str, repository: str) -> Repository:
    return get_object_or_404(
        Repository.objects.visible_to(request.user).select_related("project"), project__slug=project, slug=repository
    )


def _with_builds(recipes: RecipeQuerySet) -> RecipeQuerySet:
    """Adds the status and number of each recipe's latest build, and the release that was completed latest."""
    builds = BuildTask.objects.filter(recipe=OuterRef("pk")).order_by("-pk")
    return recipes.annotate(
        latest_build=Subquery(builds.values("pk")[:1]),
        latest_status=Subquery(builds.values("status")[:1]),
        completed_release=Subquery(
            builds.filter(status=TaskStatus.COMPLETED).order_by("-release").values("release")[:1]
        ),
    )
