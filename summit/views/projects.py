"""Collections: the projects and their repositories of recipes."""

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from summit import leftovers
from summit.models import ControlEvent, Project, Repository, Withdrawal
from summit.models.repositories import RepositoryQuerySet
from summit.views.controls import switch

MOST_CONTROLS = 20
MOST_WITHDRAWALS = 10
MOST_LEFTOVERS = 30


@require_safe
def project_list(request: HttpRequest) -> HttpResponse:
    """Lists the projects, each with its repositories that the person may see."""
    repositories = _with_counts(Repository.objects.visible_to(request.user))
    by_project: dict[int, list[Repository]] = {}
    for repository in repositories:
        by_project.setdefault(repository.project_id, []).append(repository)
    projects = [(project, by_project.get(project.pk, [])) for project in Project.objects.order_by("title")]
    return render(request, "summit/project_list.html", {"section": "collections", "projects": projects})


@require_safe
def project_detail(request: HttpRequest, project: str) -> HttpResponse:
    """Shows one project: its repositories, and the profiles it is built for."""
    found = get_object_or_404(Project, slug=project)
    profiles = found.profiles.order_by("name").prefetch_related("remotes").select_related("project")
    can_control = found.can_control(request.user)
    context = {
        "section": "collections",
        "project": found,
        "repositories": _with_counts(found.repositories.visible_to(request.user)),
        "profiles": [(profile, [switch(profile)] if can_control else []) for profile in profiles],
        "orders": [switch(found)] if can_control else [],
        "can_control": can_control,
        "leftovers": leftovers.leftovers(found, user=request.user),
        "named": f":{MOST_LEFTOVERS}",
        "most": MOST_LEFTOVERS,
        "withdrawals": Withdrawal.objects.visible_to(request.user)
        .latest_first()
        .filter(profile__project=found)[:MOST_WITHDRAWALS],
        "controls": ControlEvent.objects.of(found)[:MOST_CONTROLS],
    }
    return render(request, "summit/project_detail.html", context)


def _with_counts(repositories: RepositoryQuerySet) -> RepositoryQuerySet:
    existing = Q(recipes__removed_at__isnull=True)
    return (
        repositories.select_related("project")
        .annotate(
            recipe_count=Count("recipes", filter=existing),
            broken_count=Count("recipes", filter=existing & ~Q(recipes__error="")),
        )
        .order_by("project__title", "slug")
    )
