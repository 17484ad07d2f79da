"""Comparing two versions, and moving a stream from one to another: promotion and rollback, after a look at both."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from serpent_infra.views import conflict
from vessel import permissions, versions
from vessel.changes import ChangeKind, as_rows
from vessel.forms import MoveForm
from vessel.models import Channel, Stream, Version

PAGE_SIZE = 200
LONGEST_IDENTIFIER = 18  # digits; no version has more


@require_safe
def compare(request: HttpRequest, channel: str) -> HttpResponse:
    """Shows what leads from `?from=` to `?to=`; with `?stream=`, those who may can move it there."""
    found = get_object_or_404(Channel, name=channel)
    before, after = (_version(found, request.GET.get(name, "")) for name in ("from", "to"))
    stream = found.streams.filter(name=request.GET.get("stream", ""), version=before, branch=None).first()
    rows = as_rows(versions.compare(before, after))
    may_move = stream is not None and after.is_kept and permissions.can_move_streams(request.user)
    context = {
        "section": "repository",
        "channel": found,
        "before": before,
        "after": after,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "counts": ", ".join(f"{sum(row.kind is kind for row in rows)} {kind}" for kind in ChangeKind),
        "growth": sum(row.size for row in rows),
        "stream": stream,
        "form": MoveForm(initial={"version": after.pk, "expected": before.pk}) if may_move else None,
    }
    return render(request, "vessel/version_compare.html", context)


@login_required
@require_POST
def stream_move(request: HttpRequest, channel: str, stream: str) -> HttpResponse:
    """Points a stream to another version of its channel."""
    found = get_object_or_404(Stream.objects.named(channel, stream).select_related("channel", "version"))
    if not permissions.can_move_streams(request.user):
        raise PermissionDenied
    form = MoveForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    version = get_object_or_404(found.channel.versions, pk=form.cleaned_data["version"])
    expected = found.channel.versions.filter(pk=form.cleaned_data["expected"]).first()
    try:
        versions.move_stream(
            stream=found,
            version=version,
            expected=expected,
            who=request.user.get_username(),
            why=form.cleaned_data["why"],
            at=timezone.now(),
        )
    except versions.NotMovable as refusal:
        return conflict(request, f"{refusal}.")
    messages.success(request, f"{found} points to version {version} now.")
    return redirect("vessel:stream_detail", channel, stream)


def _version(channel: Channel, identifier: str) -> Version:
    if not (identifier.isascii() and identifier.isdigit() and len(identifier) <= LONGEST_IDENTIFIER):
        raise Http404
    return get_object_or_404(channel.versions.complete().select_related("channel"), pk=int(identifier))
