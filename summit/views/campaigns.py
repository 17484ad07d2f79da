"""Campaigns: the list, the look before the click, how far one is, and what people may order of it."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from serpent_infra.accounts.models import User
from serpent_infra.accounts.people import signed_in
from serpent_infra.views import conflict
from summit import permissions
from summit.campaigns import ending, progress, starting
from summit.campaigns.preview import Preview, preview
from summit.campaigns.selection import BadArgument
from summit.explain import explanations
from summit.forms import CampaignForm, PublishForm, ReasonForm
from summit.models import BuildTask, Campaign, CampaignKind, Repository
from summit.states import RETRYABLE, CampaignStatus, IllegalTransition, TaskStatus

PAGE_SIZE = 50
NAMED = 40  # names of a list within a page
STATES = ("failed", "blocked", "building", "publishing", "queued", "completed", "cancelled")


@require_safe
def campaign_list(request: HttpRequest) -> HttpResponse:
    """Lists campaigns, the newest first."""
    rows = Campaign.objects.visible_to(request.user).with_names().latest_first()
    rows = rows.annotate(
        build_count=Count("tasks"), completed_count=Count("tasks", filter=Q(tasks__status=TaskStatus.COMPLETED))
    )
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "summit/campaign_list.html", {"section": "campaigns", "page": page})


@login_required
@require_safe
def campaign_new(request: HttpRequest) -> HttpResponse:
    """Asks which recipes; a link may bring the answer along, and then says what it would mean."""
    if "kind" in request.GET:
        return _ask(request, CampaignForm(request.GET))
    return _ask(request, CampaignForm(initial={"kind": CampaignKind.CAPABILITY}))


@login_required
@require_POST
def campaign_create(request: HttpRequest) -> HttpResponse:
    """Says what rebuilding them would mean, keeps it as a draft, or starts it at once: as the button says."""
    form, user, at = CampaignForm(request.POST), signed_in(request), timezone.now()
    then = request.POST.get("then", "look")
    if then == "look" or not form.is_valid():
        return _ask(request, form)
    asked = form.cleaned_data
    try:
        if not _may_start(_look(form, user), user):
            raise PermissionDenied
        campaign = starting.draft(
            asked["profile"],
            CampaignKind(asked["kind"]),
            asked["argument"],
            title=asked["title"],
            why=asked["why"],
            by=user,
            at=at,
        )
    except BadArgument:
        return _ask(request, form)
    if then == "start":
        starting.start(campaign, actor=user, at=at)
        messages.success(request, "The campaign starts.")
    else:
        messages.success(request, "The campaign is kept as a draft: nothing is built yet.")
    return redirect(campaign)


def _ask(request: HttpRequest, form: CampaignForm) -> HttpResponse:
    """Shows the form, and what its answer would mean before anybody can click; 400 where it means nothing."""
    found, problem = None, ""
    if form.is_bound and form.is_valid():
        try:
            found = _look(form, signed_in(request))
        except BadArgument as error:
            problem = f"{error}"
    context = {
        "section": "campaigns",
        "form": form,
        "preview": found,
        "problem": problem,
        "named": NAMED,
        "may_start": found is not None and _may_start(found, signed_in(request)),
    }
    is_wrong = request.method == "POST" and found is None
    return render(request, "summit/campaign_form.html", context, status=400 if is_wrong else 200)


def _look(form: CampaignForm, user: User) -> Preview:
    asked = form.cleaned_data
    kind = CampaignKind(asked["kind"])
    return preview(asked["profile"], kind, asked["argument"], user=user, at=timezone.now())


def _may_start(found: Preview, user: User) -> bool:
    return permissions.can_rebuild(user, Repository.objects.filter(pk__in=found.selection.repositories))


@require_safe
@vary_on_headers("HX-Request")
def campaign_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows a draft with what it would do, and any other with how far it is."""
    campaign, at = _visible(request, pk), timezone.now()
    if campaign.status == CampaignStatus.DRAFT:
        return _draft(request, campaign)
    found = progress.progress_of(campaign, at=at)
    state = request.GET.get("state", "")
    state = state if state in STATES else ""
    tasks = BuildTask.objects.filter(campaign=campaign).visible_to(request.user).with_names()
    tasks = tasks.filter(status=state) if state else tasks
    page = Paginator(tasks.order_by("wave", "-priority", "pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    waits = explanations(rows, at=at)
    can_steer = campaign.can_steer(request.user)
    context = {
        "section": "campaigns",
        "campaign": campaign,
        "project": campaign.profile.project,
        "progress": found,
        "finish": found.finish(at),
        "states": [(name, found.counts.get(name, 0)) for name in STATES],
        "state": state,
        "page": page,
        "rows": [(task, waits.get(task.pk, "")) for task in rows],
        "events": campaign.events.select_related("actor").order_by("at", "pk"),
        "named": NAMED,
        "can_steer": can_steer,
        "can_publish": can_steer and campaign.takes_builds and found.moving == 0 and found.completed > 0,
        "can_retry": can_steer and campaign.takes_builds and found.failed > 0,
        "can_abandon": can_steer and campaign.is_open and campaign.status != CampaignStatus.PUBLISHING,
        "steerers": permissions.rebuilders(campaign),
    }
    is_fragment = bool(getattr(request, "htmx", False))
    return render(request, "summit/_campaign.html" if is_fragment else "summit/campaign_detail.html", context)


def _draft(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    found, problem = None, ""
    if isinstance(request.user, User):
        try:
            kind = CampaignKind(campaign.kind)
            found = preview(campaign.profile, kind, campaign.argument, user=request.user, at=timezone.now())
        except BadArgument as error:
            problem = f"{error}"
    context = {
        "section": "campaigns",
        "campaign": campaign,
        "project": campaign.profile.project,
        "preview": found,
        "problem": problem,
        "named": NAMED,
        "events": campaign.events.select_related("actor").order_by("at", "pk"),
        "can_steer": campaign.can_steer(request.user),
        "steerers": permissions.rebuilders(campaign),
    }
    return render(request, "summit/campaign_draft.html", context)


@login_required
@require_POST
def campaign_start(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Starts a draft."""
    return _order(
        request,
        pk,
        lambda campaign, user, _why: starting.start(campaign, actor=user, at=timezone.now()),
        done="The campaign starts.",
    )


@login_required
@require_POST
def campaign_publish(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Publishes all of it as one, without as many builds as the form says."""
    form = PublishForm(request.POST)
    without = form.cleaned_data["without"] or 0 if form.is_valid() else -1
    return _order(
        request,
        pk,
        lambda campaign, user, why: ending.publish(campaign, without=without, why=why, actor=user, at=timezone.now()),
        done="The campaign is being published.",
    )


@login_required
@require_POST
def campaign_abandon(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ends it without publishing anything."""
    return _order(
        request,
        pk,
        lambda campaign, user, why: ending.abandon(campaign, why=why, actor=user, at=timezone.now()),
        done="The campaign is abandoned: nothing of it is published.",
    )


@login_required
@require_POST
def campaign_retry(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Orders all that failed once more."""
    return _order(
        request,
        pk,
        lambda campaign, user, _why: progress.retry_failed(campaign, actor=user, at=timezone.now()),
        done="What failed is queued once more.",
    )


def _order(
    request: HttpRequest, pk: int, act: Callable[[Campaign, User, str], object], *, done: str
) -> HttpResponseBase:
    campaign, user = _visible(request, pk), signed_in(request)
    if not campaign.can_steer(user):
        raise PermissionDenied
    form = ReasonForm(request.POST)
    why = form.cleaned_data["reason"] if form.is_valid() else ""
    try:
        act(campaign, user, why)
    except IllegalTransition as refusal:
        return conflict(request, f"{refusal}.")
    messages.success(request, done)
    return redirect(campaign)


def _visible(request: HttpRequest, pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.visible_to(request.user).with_names(), pk=pk)


assert frozenset(STATES) >= RETRYABLE  # noqa: S101 - what a person may order once more can be listed
