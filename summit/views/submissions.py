"""Submissions: a proposed commit, the builds it asks for, and what reviewers said of it."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from serpent_infra.accounts.people import signed_in
from serpent_infra.views import conflict
from summit import difference, lifecycle, permissions, security
from summit.campaigns.impact import impacts
from summit.forms import ReasonForm, ReviewForm, VerdictForm
from summit.models import Submission, Verdict
from summit.states import IllegalTransition
from summit.views.controls import marking

MOST_BUILDS = 200


@require_safe
def submission_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows one submission with what it changes; where it waits for a review, who can give it."""
    submission = get_object_or_404(
        Submission.objects.visible_to(request.user).select_related("repository__project", "author"), pk=pk
    )
    tasks = submission.tasks.with_names().order_by("source_name", "pk")
    context = {
        "section": "builds",
        "submission": submission,
        "repository": submission.repository,
        "project": submission.repository.project,
        "tasks": tasks[:MOST_BUILDS],
        "task_count": tasks.count(),
        "difference": difference.page_of(submission, number=request.GET.get("page")),
        "reviews": submission.reviews.select_related("reviewer").order_by("created_at"),
        "reviewers": permissions.reviewers(submission.repository),
        "can_review": submission.can_review(request.user),
        "orders": [marking(submission)] if submission.can_mark_security(request.user) else [],
        "form": ReviewForm(),
    }
    return render(request, "summit/submission_detail.html", context)


@login_required
@require_safe
@vary_on_headers("HX-Request")
def submission_impact(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what is built with what a submission changes; a page of its own, as a large tree takes a while."""
    submission = get_object_or_404(Submission.objects.visible_to(request.user), pk=pk)
    context = {
        "section": "builds",
        "submission": submission,
        "impacts": impacts(submission, user=request.user, at=timezone.now()),
    }
    is_fragment = bool(getattr(request, "htmx", False))
    return render(request, "summit/_impact.html" if is_fragment else "summit/submission_impact.html", context)


@login_required
@require_POST
def submission_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Decides on a submission as the second person."""
    submission = get_object_or_404(
        Submission.objects.visible_to(request.user).select_related("repository__project"), pk=pk
    )
    if not permissions.can_review(request.user, submission):
        raise PermissionDenied
    form = VerdictForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    try:
        lifecycle.review(
            submission,
            reviewer=signed_in(request),
            verdict=Verdict(form.cleaned_data["verdict"]),
            comment=form.cleaned_data["comment"],
            at=timezone.now(),
        )
    except IllegalTransition as refusal:
        return conflict(request, f"{refusal}.")
    messages.success(request, "Your verdict is recorded.")
    return redirect(submission)


@login_required
@require_POST
def submission_mark(request: HttpRequest, pk: int) -> HttpResponse:
    """Marks the builds of a submission, and what they wait for, as security."""
    return _mark(request, pk, security.mark, done="Its builds, and what they wait for, are marked as security.")


@login_required
@require_POST
def submission_unmark(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes that mark away."""
    return _mark(request, pk, security.unmark, done="It is no longer marked as security.")


def _mark(request: HttpRequest, pk: int, act: Callable[..., None], *, done: str) -> HttpResponse:
    submission = get_object_or_404(Submission.objects.visible_to(request.user).select_related("repository"), pk=pk)
    if not submission.can_mark_security(request.user):
        raise PermissionDenied
    form = ReasonForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    try:
        act(submission, actor=signed_in(request), why=form.cleaned_data["reason"], at=timezone.now())
    except IllegalTransition as refusal:
        return conflict(request, f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.")
    messages.success(request, done)
    return redirect(submission)
