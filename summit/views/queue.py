"""The queue: what waits, in the order in which slots take it, for what, and the graph of it."""

from collections import defaultdict
from typing import Any, cast

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from summit.drawing import Drawing, Link, Node, draw
from summit.explain import explanations
from summit.line import Line
from summit.models import BuildTask, EdgeKind, TaskEdge
from summit.outlook import latest

PAGE_SIZE = 50
LARGEST_GRAPH = 200  # builds; beyond, the table alone tells more


@require_safe
@vary_on_headers("HX-Request")
def queue(request: HttpRequest) -> HttpResponse:
    """Shows what is not over: as a graph while it is small, and as a table always."""
    tasks = BuildTask.objects.open().visible_to(request.user)
    at = timezone.now()
    foresight = latest(at=at)
    page = Paginator(Line(tasks.with_names(), foresight), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    needs = _needs(rows)
    waits, expected = explanations(rows, at=at), foresight.outlooks
    total = page.paginator.count
    context = {
        "section": "queue",
        "page": page,
        "rows": [
            (task, needs[task.pk], waits.get(task.pk, ""), expected.get(task.pk), foresight.is_beyond(task))
            for task in rows
        ],
        "foresight": foresight,
        "total": total,
        "drawing": _drawing(list(tasks)) if 0 < total <= LARGEST_GRAPH else None,
        "largest": LARGEST_GRAPH,
    }
    is_fragment = bool(cast("Any", request).htmx)
    return render(request, "summit/_queue.html" if is_fragment else "summit/queue.html", context)


def _needs(tasks: list[BuildTask]) -> dict[int, list[TaskEdge]]:
    """Collects what each of the tasks still waits for, in one query."""
    found: dict[int, list[TaskEdge]] = defaultdict(list)
    edges = (
        TaskEdge.objects.unmet()
        .filter(task__in=tasks)
        .select_related("needs")
        .only("task", "capability", "needs__source_name")
        .order_by("needs__source_name")
    )
    for edge in edges:
        found[edge.task_id].append(edge)
    return found


def _drawing(tasks: list[BuildTask]) -> Drawing:
    keys = {task.pk for task in tasks}
    edges = TaskEdge.objects.filter(task__in=keys, needs__in=keys, satisfied_at__isnull=True)
    return draw(
        nodes=[
            Node(
                key=task.pk,
                label=f"{task.source_name} {task.version}",
                status=task.status,
                uri=task.get_absolute_url(),
            )
            for task in sorted(tasks, key=lambda task: (-task.priority, task.pk))
        ],
        links=[
            Link(before=edge.needs_id, after=edge.task_id, is_staged=edge.kind == EdgeKind.STAGED) for edge in edges
        ],
    )
