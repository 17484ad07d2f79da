"""Builds: the list, one build with its attempts and live log, and what a person may order."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from summit import dispatch, explain, outlook, publishing
from summit.models import AttemptRef, BuildTask, TaskEdge, Verification
from summit.states import IN_PROGRESS, WAITING, TaskStatus
from summit.views.controls import orders_of

PAGE_SIZE = 50
LOG_TAIL_BYTES = 64 * 1024  # what the page shows without script
MOST_NEEDS = 40


@require_safe
@vary_on_headers("HX-Request")
def build_list(request: HttpRequest) -> HttpResponse:
    """Lists builds, newest first, narrowed by status and name."""
    status = request.GET.get("status", "")
    query = request.GET.get("q", "").strip()[:100]
    tasks = BuildTask.objects.visible_to(request.user).with_names()
    if status == "waiting":
        tasks = tasks.filter(status__in=WAITING)
    elif status == "in-progress":
        tasks = tasks.filter(status__in=IN_PROGRESS)
    elif status in TaskStatus.values:
        tasks = tasks.filter(status=status)
    if query:
        tasks = tasks.filter(source_name__icontains=query)
    context = {
        "section": "builds",
        "page": Paginator(tasks.latest_first(), PAGE_SIZE).get_page(request.GET.get("page")),
        "status": status,
        "query": query,
        "statuses": TaskStatus.choices,
    }
    return render(request, "summit/build_list.html", context)


@require_safe
@vary_on_headers("HX-Request")
def build_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows one build and the log of its newest attempt, or of `?attempt=`; the fragment leaves out the log."""
    at = timezone.now()
    task, foresight = _visible(request, pk), outlook.latest(at=at)
    tries = dispatch.attempts_of(task)
    chosen = _chosen(tries, request.GET.get("attempt", ""))
    edges = list(TaskEdge.objects.filter(task=task).select_related("needs").order_by("needs__source_name"))
    edges.sort(key=lambda edge: edge.satisfied_at is not None)  # what is still waited for comes first
    needed_by = task.needed_by.select_related("task").order_by("task__source_name")
    context = {
        "section": "builds",
        "task": task,
        "recipe": task.recipe,
        "repository": task.recipe.repository,
        "project": task.profile.project,
        "explanation": explain.explain(task, at=at),
        "outlook": foresight.outlooks.get(task.pk) if task.is_open else None,
        "silence": foresight.silence if foresight.is_beyond(task) else "",
        "needs": edges[:MOST_NEEDS],
        "needs_count": len(edges),
        "needed_by": needed_by[:MOST_NEEDS],
        "needed_by_count": needed_by.count(),
        "events": task.events.select_related("actor").order_by("at", "pk"),
        "tries": tries,
        "chosen": chosen,
        "imported": _imported(tries, chosen),
        "verification": Verification.objects.latest_of(task),
        "orders": orders_of(task, request.user),
    }
    if getattr(request, "htmx", False):
        return render(request, "summit/_build.html", context)
    if chosen is not None:
        context["log"] = dispatch.log_tail(chosen.reference.attempt, limit=LOG_TAIL_BYTES)
    return render(request, "summit/build_detail.html", context)


@require_safe
def attempt(request: HttpRequest, attempt: UUID) -> HttpResponse:
    """Leads from an attempt, as the builder's side names it, to the page of its build."""
    tasks = BuildTask.objects.visible_to(request.user)
    reference = get_object_or_404(AttemptRef.objects.filter(task__in=tasks).select_related("task"), attempt=attempt)
    return redirect(f"{reference.task.get_absolute_url()}?attempt={reference.number}")


@require_safe
def build_manifest(request: HttpRequest, pk: int, number: int, name: str) -> HttpResponse:
    """Hands out a manifest as an attempt made it, where its commit has none or another."""
    reference = get_object_or_404(AttemptRef, task=_visible(request, pk), number=number)
    status = dispatch.attempt_of(reference.attempt)
    files = status.report.manifests if status is not None and status.report is not None else ()
    found = next((file for file in files if file.name == name), None)
    if found is None:
        raise Http404
    headers = {"Content-Disposition": content_disposition_header(as_attachment=True, filename=found.name)}
    return HttpResponse(found.data, content_type="application/octet-stream", headers=headers)


def _visible(request: HttpRequest, pk: int) -> BuildTask:
    return get_object_or_404(BuildTask.objects.visible_to(request.user).with_names(), pk=pk)


def _imported(tries: list[dispatch.TaskAttempt], chosen: dispatch.TaskAttempt | None) -> publishing.ImportReport | None:
    """Gives the import of the chosen attempt; a second build has none, the first that it confirmed has."""
    rows = tries if chosen is not None and chosen.reference.is_second else [chosen] if chosen is not None else []
    name = next((one.reference.import_reference for one in rows if one.reference.import_reference), "")
    return publishing.import_of(name) if name else None


def _chosen(tries: list[dispatch.TaskAttempt], number: str) -> dispatch.TaskAttempt | None:
    if number.isascii() and number.isdigit():
        for one in tries:
            if one.reference.number == int(number):
                return one
    return tries[0] if tries else None
