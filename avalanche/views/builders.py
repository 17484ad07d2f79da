"""Builders: one row a machine, one page each with charts, and what those who may can order."""

from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from avalanche import charts, fleet
from avalanche.models import Attempt, Builder
from avalanche.states import OPEN, AttemptState

FEW = 20
FAILURE_WINDOW = timedelta(days=30)


@require_safe
@vary_on_headers("HX-Request")
def builder_list(request: HttpRequest) -> HttpResponse:
    """Lists the machines: tier, slots, what each builds now, disk, when it was last heard of."""
    at = timezone.now()
    builders = Builder.objects.with_slot_counts().with_latest_sample().select_related("owner").order_by("name")
    work: dict[int, list[Attempt]] = {}
    for attempt in Attempt.objects.open().select_related("slot").order_by("slot__index"):
        work.setdefault(attempt.builder_id, []).append(attempt)
    examined = fleet.examine(builders, at=at)
    first = charts.first_samples([one.builder for one in examined], at=at)
    rows = [
        {
            "builder": one.builder,
            "status": fleet.status_of(one),
            "sample": one.sample,
            "work": work.get(one.builder.pk, []),
            "full_in": charts.time_to_full_disk(first.get(one.builder.pk), one.sample),
        }
        for one in examined
    ]
    is_fragment = bool(cast("Any", request).htmx)
    template = "avalanche/_builders.html" if is_fragment else "avalanche/builder_list.html"
    return render(request, template, {"section": "builders", "rows": rows})


@require_safe
@vary_on_headers("HX-Request")
def builder_detail(request: HttpRequest, name: str) -> HttpResponse:
    """Shows one machine; the fragment is its live part: charts, slots, what runs."""
    at = timezone.now()
    builders = Builder.objects.with_slot_counts().with_latest_sample().select_related("owner")
    builder = get_object_or_404(builders, name=name)
    (examined,) = fleet.examine([builder], at=at)
    running = {attempt.slot_id: attempt for attempt in builder.attempts.open()}
    context: dict[str, Any] = {
        "section": "builders",
        "builder": builder,
        "status": fleet.status_of(examined),
        "problems": examined.health.problems,
        "sample": examined.sample,
        "slots": [(slot, running.get(slot.pk)) for slot in builder.slots.current().order_by("index")],
        **charts.of_builder(builder, examined.sample, at=at),
    }
    if cast("Any", request).htmx:
        return render(request, "avalanche/_builder.html", context)
    context |= {
        "host": builder.host_info,
        "attempts": builder.attempts.latest_first().select_related("slot")[:FEW],
        "failures": _failures(builder, at=at),
        "may_change": request.user.has_perm("avalanche.change_builder"),
        "codes": builder.enrolment_codes.filter(used_at__isnull=True, expires_at__gt=at),
    }
    return render(request, "avalanche/builder_detail.html", context)


@login_required
@permission_required("avalanche.change_builder", raise_exception=True)
@require_POST
def builder_drain(request: HttpRequest, name: str) -> HttpResponse:
    """Offers the builder nothing more."""
    builder = get_object_or_404(Builder, name=name)
    builder.drain()
    messages.success(request, f"{builder} is draining: what runs there is finished, nothing more is offered.")
    return redirect("avalanche:builder_detail", builder.name)


@login_required
@permission_required("avalanche.change_builder", raise_exception=True)
@require_POST
def builder_resume(request: HttpRequest, name: str) -> HttpResponse:
    """Offers the builder work again."""
    builder = get_object_or_404(Builder, name=name)
    builder.resume()
    messages.success(request, f"{builder} takes work again.")
    return redirect("avalanche:builder_detail", builder.name)


def _failures(builder: Builder, *, at: datetime) -> dict[str, Any]:
    """Counts the attempts of the latest thirty days by how they ended, and the failures by kind."""
    recent = builder.attempts.filter(offered_at__gte=at - FAILURE_WINDOW).order_by()
    by_status = dict(recent.exclude(status__in=OPEN).values_list("status").annotate(number=Count("pk")))
    by_kind = (
        recent.exclude(failure_kind="").values_list("failure_kind").annotate(number=Count("pk")).order_by("-number")
    )
    total = sum(by_status.values())
    succeeded = by_status.get(AttemptState.SUCCEEDED, 0)
    return {
        "total": total,
        "by_kind": list(by_kind),
        "rate": round(100 * (total - succeeded) / total, 1) if total else None,
    }
