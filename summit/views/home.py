"""Home: what builds now, what is next, what failed lately, how the fleet is, and what was done today."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from serpent_infra.charts import bar_chart
from summit import dispatch, statistics
from summit.models import BuildTask, Project
from summit.states import TaskStatus

FEW = 8
MANY = 24


@require_safe
@vary_on_headers("HX-Request")
def home(request: HttpRequest) -> HttpResponse:
    """Shows the whole page, or the fragment that the page asks for again and again."""
    at = timezone.now()
    tasks = BuildTask.objects.visible_to(request.user).with_names()
    hours = statistics.throughput(request.user, at=at)
    fleet = dispatch.fleet(at=at)
    building = list(tasks.in_progress().order_by("started_at", "pk")[:MANY])
    attempts = dispatch.latest_attempts(building)
    context: dict[str, Any] = {
        "section": "home",
        "counts": statistics.status_counts(request.user),
        "building": [(task, attempts.get(task.pk)) for task in building],
        "next": tasks.ready(at=at).by_priority()[:FEW],
        "failed": tasks.filter(status=TaskStatus.FAILED).order_by("-updated_at")[:FEW],
        "fleet": fleet,
        "slots_busy": sum(builder.slots_busy for builder in fleet),
        "slots_total": sum(builder.slots_total for builder in fleet),
        "latency": statistics.publish_latency(request.user),
        "chart": bar_chart(columns=[(f"{hour.start:%H:00}", hour.completed, hour.failed) for hour in hours]),
        "completed_today": sum(hour.completed for hour in hours),
        "failed_today": sum(hour.failed for hour in hours),
    }
    if cast("Any", request).htmx:
        return render(request, "summit/_home.html", context)
    context["has_projects"] = Project.objects.exists()
    return render(request, "summit/home.html", context)
