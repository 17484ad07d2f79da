"""One package of a channel: what its current stone says, and every stone of that name that was published."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from vessel.models import Channel, Membership, Stone

HISTORY = 50


@require_safe
def package_detail(request: HttpRequest, channel: str, name: str) -> HttpResponse:
    """Shows the newest stone of that name, the one chosen by `?stone=`, and its history."""
    found = get_object_or_404(Channel, name=channel)
    stones = list(found.stones.filter(name=name).light().order_by("-stored_at", "-pk")[:HISTORY])
    if not stones:
        raise Http404
    stone = _chosen(stones, request.GET.get("stone", ""))
    memberships = (
        Membership.objects.filter(stream__channel=found, stone__in=stones)
        .select_related("stream", "stone", "added_in", "removed_in")
        .defer("stone__index_record")
        .order_by("-added_in")
    )
    siblings = (
        Membership.objects.filter(stream__channel=found, removed_in__isnull=True, stone__source_name=stone.source_name)
        .exclude(name=name)
        .order_by("name")
        .values_list("name", flat=True)
        .distinct()
    )
    context = {
        "section": "repository",
        "channel": found,
        "stone": stone,
        "stones": stones,
        "memberships": memberships,
        "siblings": siblings,
        "download": f"{settings.SERPENT_REPOSITORY_URL}/{found.name}/{stone.pool_path}",
        "is_stored": stone.pruned_at is None,
    }
    return render(request, "vessel/package_detail.html", context)


def _chosen(stones: list[Stone], sha256: str) -> Stone:
    for stone in stones:
        if stone.sha256 == sha256:
            return stone
    if sha256:
        raise Http404
    return stones[0]
