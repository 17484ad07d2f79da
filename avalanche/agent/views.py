"""What a builder machine serves: artefacts to whom the hub sends, its health, and a page for its owner."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from avalanche import ranges
from avalanche.agent import artefacts, identity, machine
from avalanche.agent.sampler import Sampler
from serpent_infra.wire import tokens


@require_safe
def artefact(request: HttpRequest, attempt: UUID, name: str) -> HttpResponseBase:
    """Answers with a file that an attempt left, the whole or one byte range, to a token of the hub for this builder."""
    try:
        _verify(request)
    except tokens.TokenRefused as error:
        return _problem(401, "not-authenticated", str(error), {"WWW-Authenticate": "Bearer"})
    except identity.NotEnrolled as error:
        return _problem(503, "not-enrolled", str(error), {})
    path = artefacts.find(settings.SERPENT_BUILDER_DIR, attempt, name)
    if path is None:
        return _problem(404, "not-found", "There is no such artefact here.", {})
    try:
        return ranges.file_response(request, path, content_type="application/octet-stream")
    except FileNotFoundError:  # dropped since we looked
        return _problem(404, "not-found", "There is no such artefact here any more.", {})


@require_safe
def health(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Says that this builder's web process lives."""
    return JsonResponse({"status": "ok"})


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Shows the owner whose builder this is, whom it works for, and how the machine is."""
    directory = settings.SERPENT_BUILDER_DIR
    directory.mkdir(parents=True, exist_ok=True)
    try:
        joined = identity.load(directory)
    except identity.NotEnrolled:
        joined = None
    context = {
        "builder": joined.builder if joined else "",
        "hub_uri": joined.hub_uri if joined else "",
        "slots": machine.slots(settings.SERPENT_SLOTS),
        "sample": Sampler(directory=directory).sample(),
        "attempts_kept": len(artefacts.kept(directory)),
    }
    return render(request, "avalanche/agent_status.html", context)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answers what is no request for this machine, a foreign host name above all."""
    return _problem(400, "bad-request", "This is no request for this builder.", {})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answers an unknown address without the hub's error page, which a builder does not have."""
    return _problem(404, "not-found", "There is nothing at this address.", {})


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answers when a view failed."""
    return _problem(500, "error", "The builder failed to answer; its log says why.", {})


def _verify(request: HttpRequest) -> None:
    joined = identity.load(settings.SERPENT_BUILDER_DIR)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise tokens.TokenRefused("no bearer token")
    key = tokens.parse_public(joined.hub_public_key)
    tokens.verify(token, key=key, issuer=tokens.HUB, audience=joined.builder)


def _problem(status_code: int, code: str, detail: str, headers: dict[str, str]) -> HttpResponse:
    body = {"type": "about:blank", "status": status_code, "code": code, "detail": detail}
    return JsonResponse(body, status=status_code, headers=headers, content_type="application/problem+json")
