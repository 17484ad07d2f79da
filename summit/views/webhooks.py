"""The door for forges, and the page on which a manager sets it up."""

from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from serpent_infra.accounts.people import signed_in
from summit import webhooks
from summit.models import Repository, Webhook

BODY_LIMIT = 4 * 2**20
LATEST = 30


@csrf_exempt
@require_POST
def receive(request: HttpRequest, project: str, repository: str) -> HttpResponse:
    """Takes a delivery of a forge; JSON tells it what became of it, refusals as problem+json."""
    try:
        body = request.read(BODY_LIMIT + 1)
    except UnreadablePostError:
        return _answer(webhooks.Answer(status=400, code="truncated", detail="The body ended too early."))
    if len(body) > BODY_LIMIT:
        detail = f"The body is larger than {BODY_LIMIT:,} bytes."
        return _answer(webhooks.Answer(status=413, code="too-large", detail=detail))
    return _answer(
        webhooks.receive(
            project=project,
            repository=repository,
            headers=request.headers,
            body=body,
            content_type=request.content_type or "",
            at=timezone.now(),
        )
    )


@login_required
@never_cache
@sensitive_variables("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def repository_webhook(request: HttpRequest, project: str, repository: str) -> HttpResponse:
    """Shows how a forge is set up, and what it delivered; a POST makes a new secret, which is shown this once."""
    found = _managed(request, project, repository)
    secret = webhooks.set_secret(found, by=signed_in(request), at=timezone.now()) if request.method == "POST" else ""
    context = {
        "section": "collections",
        "project": found.project,
        "repository": found,
        "address": webhooks.address_of(found),
        "webhook": Webhook.objects.filter(repository=found).select_related("set_by").first(),
        "secret": secret,
        "deliveries": found.deliveries.order_by("-received_at", "-pk")[:LATEST],
    }
    return render(request, "summit/repository_webhook.html", context)


@login_required
@require_POST
def webhook_remove(request: HttpRequest, project: str, repository: str) -> HttpResponse:
    """Takes the secret away: deliveries are refused from then on."""
    found = _managed(request, project, repository)
    webhooks.remove_secret(found)
    messages.success(request, "The webhook is off; the repository is polled as before.")
    return redirect("summit:repository_webhook", found.project.slug, found.slug)


def _managed(request: HttpRequest, project: str, repository: str) -> Repository:
    rows = Repository.objects.visible_to(request.user).select_related("project")
    found = get_object_or_404(rows, project__slug=project, slug=repository)
    if not found.can_manage(request.user):
        raise PermissionDenied
    return found


def _answer(answer: webhooks.Answer) -> JsonResponse:
    body: dict[str, object] = {"code": answer.code, "detail": answer.detail}
    if answer.status < HTTPStatus.BAD_REQUEST:
        return JsonResponse(body, status=answer.status)
    body |= {"type": "about:blank", "title": HTTPStatus(answer.status).phrase, "status": answer.status}
    return JsonResponse(body, status=answer.status, content_type="application/problem+json")
