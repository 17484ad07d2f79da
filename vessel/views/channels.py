"""Channels and streams: what is published, where each pointer stands, and how to point `moss` at it."""

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from vessel.models import Channel, Import, Membership, Stream, StreamMove, Version
from vessel.models.versions import MembershipQuerySet

PAGE_SIZE = 100
FEW = 10


@require_safe
def channel_list(request: HttpRequest) -> HttpResponse:
    """Lists the channels with their streams, and what came in lately."""
    context = {
        "section": "repository",
        "channels": Channel.objects.by_name(),
        "streams": Stream.objects.live().by_name().select_related("channel", "version"),
        "imports": Import.objects.order_by("-pk").select_related("stream__channel", "version")[:FEW],
    }
    return render(request, "vessel/channel_list.html", context)


@require_safe
def channel_detail(request: HttpRequest, channel: str) -> HttpResponse:
    """Shows one channel: streams, tags, the latest versions, and how to use it."""
    found = get_object_or_404(Channel, name=channel)
    streams = Stream.objects.live().by_name().filter(channel=found).select_related("version", "channel")
    context = {
        "section": "repository",
        "channel": found,
        "streams": streams,
        "tags": found.tags.order_by("name").select_related("version"),
        "versions": found.versions.complete().newest_first().select_related("lineage")[:FEW],
        "moves": StreamMove.objects.filter(stream__channel=found)
        .order_by("-moved_at", "-pk")
        .select_related("stream", "from_version", "to_version")[:FEW],
        "imports": Import.objects.open().filter(stream__channel=found)[:FEW],
    }
    return render(request, "vessel/channel_detail.html", context)


@require_safe
def stream_detail(request: HttpRequest, channel: str, stream: str) -> HttpResponse:
    """Lists what a stream offers now, filtered by name as one wishes."""
    found = get_object_or_404(Stream.objects.named(channel, stream).select_related("channel", "version"))
    query = request.GET.get("q", "").strip()[:100]
    architecture = request.GET.get("arch", "")
    members = _members(found.version)
    if query:
        members = members.filter(Q(name__icontains=query) | Q(stone__source_name__icontains=query))
    if architecture:
        members = members.filter(architecture=architecture)
    rows = members.order_by("name", "architecture").select_related("stone").defer("stone__index_record")
    context = {
        "section": "repository",
        "channel": found.channel,
        "stream": found,
        "query": query,
        "architecture": architecture,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return render(request, "vessel/stream_detail.html", context)


@require_safe
def version_list(request: HttpRequest, channel: str) -> HttpResponse:
    """Lists the versions of a channel, newest first, each with what it changed."""
    found = get_object_or_404(Channel, name=channel)
    versions = (
        found.versions.complete()
        .newest_first()
        .select_related("lineage")
        .prefetch_related("pointing_streams", "tags")
        .annotate(imports_count=Count("imports"))
    )
    context = {
        "section": "repository",
        "channel": found,
        "page": Paginator(versions, PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return render(request, "vessel/version_list.html", context)


def _members(version: Version | None) -> MembershipQuerySet:
    return Membership.objects.none() if version is None else Membership.objects.of(version)
