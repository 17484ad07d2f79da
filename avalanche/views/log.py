"""Build logs: the raw text with byte ranges, and the live stream that the build page follows."""

import threading
from collections.abc import Iterator
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.request import validate_host
from django.views.decorators.http import require_safe

from avalanche import logs, ranges
from avalanche.following import follow
from avalanche.models import Attempt
from avalanche.states import CLOSED

# Each follower holds a thread: the pages' processes keep theirs, the live server's has a few more than followers.
_places = threading.BoundedSemaphore(settings.SERPENT_FOLLOWERS)
_DIGITS = 15


@require_safe
def log(request: HttpRequest, attempt: UUID) -> HttpResponseBase:
    """Answers with a log as plain text, the whole or one byte range; empty where nothing was logged."""
    _require(attempt)
    try:
        response = ranges.file_response(request, logs.path_of(attempt), content_type="text/plain; charset=utf-8")
    except FileNotFoundError:
        response = HttpResponse(b"", content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
def stream(request: HttpRequest, attempt: UUID) -> HttpResponseBase:
    """Follows a log from `Last-Event-ID`, else from `?offset=`, to the attempt's end."""
    _require(attempt)
    if not _places.acquire(blocking=False):
        return HttpResponse("Too many followers.\n", status=503, headers={"Retry-After": "10"})
    response = StreamingHttpResponse(_Follower(attempt, _offset(request)), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    response["Access-Control-Allow-Origin"] = _origin(request)
    response["Vary"] = "Origin"
    return response


class _Follower:
    """The events for one browser; its place is free again when Django closes the response, however it ended."""

    def __init__(self, attempt: UUID, offset: int) -> None:
        self._events = follow(logs.path_of(attempt), offset=offset, ended_as=lambda: _ended_as(attempt))
        self._has_place = True

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        if self._has_place:
            self._has_place = False
            _places.release()


def _require(attempt: UUID) -> None:
    if not Attempt.objects.filter(pk=attempt).exists():
        raise Http404("There is no such attempt.")


def _ended_as(attempt: UUID) -> str | None:
    status = Attempt.objects.filter(pk=attempt).values_list("status", flat=True).first()
    if not connection.in_atomic_block:
        connection.close()  # a follower stays for hours: it must not hold a database connection as long
    return str(status) if status is None or status in CLOSED else None


def _offset(request: HttpRequest) -> int:
    text = request.headers.get("Last-Event-ID") or request.GET.get("offset", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def _origin(request: HttpRequest) -> str:
    """Names the page that may read the stream: the hub under whichever of its names the browser knows it."""
    origin = request.headers.get("Origin", "")
    host = origin.partition("://")[2].rpartition(":")[0] or origin.partition("://")[2]
    is_ours = bool(host) and validate_host(host, settings.ALLOWED_HOSTS)
    return origin if is_ours else str(settings.SERPENT_HUB_URL)
