"""One version: what it changed, what it holds, and who points to it."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from vessel import permissions
from vessel.changes import changes_of
from vessel.interfaces import index_uri
from vessel.models import Version, Withdrawal

PAGE_SIZE = 200
MOST_OTHERS = 50


@require_safe
def version_detail(request: HttpRequest, channel: str, identifier: int) -> HttpResponse:
    """Shows what a version changed against the one before, and where its indexes lie."""
    version = get_object_or_404(
        Version.objects.complete().select_related("channel", "lineage", "parent"),
        channel__name=channel,
        identifier=identifier,
    )
    uris = [
        (architecture, index_uri(channel=channel, version=str(version), architecture=architecture))
        for architecture in version.architectures
    ]
    context = {
        "section": "repository",
        "channel": version.channel,
        "version": version,
        "page": Paginator(changes_of(version), PAGE_SIZE).get_page(request.GET.get("page")),
        "streams": version.pointing_streams.order_by("name"),
        "tags": version.tags.order_by("name"),
        "imports": version.imports.order_by("pk")[:PAGE_SIZE],
        "withdrawals": Withdrawal.objects.filter(version=version).exclude(removed=[]).order_by("pk"),
        "index_uris": uris if version.is_kept else [],
        "others": version.channel.versions.kept().exclude(pk=version.pk)[:MOST_OTHERS],
        "elsewhere": version.channel.streams.filter(branch=None)
        .exclude(version=version)
        .exclude(version=None)
        .order_by("name")
        if version.is_kept and permissions.can_move_streams(request.user)
        else [],
    }
    return render(request, "vessel/version_detail.html", context)
