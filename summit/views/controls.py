"""What a person may order on the pages: of a build (retry, first, give up, cancel), submission, project or profile."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from serpent_infra.accounts.models import User
from serpent_infra.accounts.people import signed_in
from serpent_infra.views import conflict
from summit import controls, lifecycle, permissions
from summit.forms import ReasonForm
from summit.models import BuildTask, Profile, Project, Submission
from summit.permissions import Viewer
from summit.states import IllegalTransition


@dataclass(frozen=True, slots=True)
class Order:
    """A button: where its form goes, what it says, and how it looks."""

    uri: str
    label: str
    tone: str = ""


def orders_of(task: BuildTask, user: Viewer) -> list[Order]:
    """Lists what the user may order of a build now."""
    offered = (
        (task.can_retry, Order(reverse("summit:build_retry", args=[task.pk]), "Retry", "primary")),
        (task.can_expedite, Order(reverse("summit:build_expedite", args=[task.pk]), "Build first")),
        (task.can_give_up, Order(reverse("summit:build_fail", args=[task.pk]), "Mark as failed", "danger")),
        (task.can_cancel, Order(reverse("summit:build_cancel", args=[task.pk]), "Cancel", "danger")),
    )
    return [order for may, order in offered if may(user)]


def switch(subject: Project | Profile) -> Order:
    """Gives the button that pauses a project or a profile, or resumes it."""
    verb = "resume" if subject.is_paused else "pause"
    if isinstance(subject, Profile):
        return Order(reverse(f"summit:profile_{verb}", args=[subject.project.slug, subject.name]), verb.capitalize())
    return Order(reverse(f"summit:project_{verb}", args=[subject.slug]), f"{verb.capitalize()} the project")


def marking(submission: Submission) -> Order:
    """Gives the button that marks a submission as security, or takes the mark away."""
    if submission.is_security:
        return Order(reverse("summit:submission_unmark", args=[submission.pk]), "Remove the security mark")
    return Order(reverse("summit:submission_mark", args=[submission.pk]), "Mark as security")


@login_required
@require_POST
def build_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Orders a failed or cancelled build once more."""
    return _order(
        request,
        pk,
        may=permissions.can_retry,
        act=lambda task, user, why: lifecycle.retry(task, actor=user, sentence=why, at=timezone.now()),
        done="The build is queued once more.",
    )


@login_required
@require_POST
def build_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancels a build that is not over."""
    return _order(
        request,
        pk,
        may=permissions.can_cancel,
        act=lambda task, user, why: lifecycle.cancel(task, actor=user, sentence=why, at=timezone.now()),
        done="The build is cancelled.",
    )


@login_required
@require_POST
def build_fail(request: HttpRequest, pk: int) -> HttpResponse:
    """Marks a build that is not over as failed."""
    return _order(
        request,
        pk,
        may=permissions.can_give_up,
        act=lambda task, user, why: lifecycle.give_up(task, actor=user, why=why, at=timezone.now()),
        done="The build is marked as failed.",
    )


@login_required
@require_POST
def build_expedite(request: HttpRequest, pk: int) -> HttpResponse:
    """Puts a waiting build, and what it waits for, before all others."""
    return _order(
        request,
        pk,
        may=permissions.can_expedite,
        act=lambda task, user, why: lifecycle.expedite(task, actor=user, why=why, at=timezone.now()),
        done="The build, and what it waits for, goes before all others.",
    )


@login_required
@require_POST
def project_pause(request: HttpRequest, project: str) -> HttpResponse:
    """Stops the dispatch of a project."""
    return _switch(request, get_object_or_404(Project, slug=project), controls.pause, done="is paused")


@login_required
@require_POST
def project_resume(request: HttpRequest, project: str) -> HttpResponse:
    """Lets the dispatch of a project go on."""
    return _switch(request, get_object_or_404(Project, slug=project), controls.resume, done="goes on")


@login_required
@require_POST
def profile_pause(request: HttpRequest, project: str, profile: str) -> HttpResponse:
    """Stops the dispatch of a profile."""
    return _switch(request, _profile(project, profile), controls.pause, done="is paused")


@login_required
@require_POST
def profile_resume(request: HttpRequest, project: str, profile: str) -> HttpResponse:
    """Lets the dispatch of a profile go on."""
    return _switch(request, _profile(project, profile), controls.resume, done="goes on")


def _profile(project: str, profile: str) -> Profile:
    return get_object_or_404(Profile.objects.select_related("project"), project__slug=project, name=profile)


def _order(
    request: HttpRequest,
    pk: int,
    *,
    may: Callable[[Viewer, BuildTask], bool],
    act: Callable[[BuildTask, User, str], object],
    done: str,
) -> HttpResponse:
    task = get_object_or_404(BuildTask.objects.visible_to(request.user).with_names(), pk=pk)
    if not may(request.user, task):
        raise PermissionDenied
    try:
        act(task, signed_in(request), _reason(request))
    except IllegalTransition as refusal:
        return conflict(request, f"{refusal}.")
    messages.success(request, done)
    return redirect(task)


def _switch(request: HttpRequest, subject: Project | Profile, act: Callable[..., None], *, done: str) -> HttpResponse:
    project = subject if isinstance(subject, Project) else subject.project
    if not project.can_control(request.user):
        raise PermissionDenied
    try:
        act(subject, actor=signed_in(request), why=_reason(request), at=timezone.now())
    except IllegalTransition as refusal:
        return conflict(request, f"{refusal}.")
    messages.success(request, f"{subject} {done}.")
    return redirect(project)


def _reason(request: HttpRequest) -> str:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    return str(form.cleaned_data["reason"])
