"""Finds published packages by name."""

from django.db.models import Case, IntegerField, Value, When
from django.urls import reverse

from serpent_infra.search import Hit
from vessel.models import Membership


def find(query: str, *, limit: int) -> list[Hit]:
    """Gives packages that a stream offers whose name contains the text: the exact name, then those that begin so."""
    rows = (
        Membership.objects.filter(removed_in__isnull=True, name__icontains=query)
        .annotate(
            rank=Case(
                When(name__iexact=query, then=Value(0)),
                When(name__istartswith=query, then=Value(1)),
                default=Value(2),
                output_field=IntegerField(),
            )
        )
        .order_by("rank", "name")
        .values_list("name", "stream__channel__name", "stone__version", "stone__release", "rank")
        .distinct()[:limit]
    )
    return [
        Hit(
            sort="Packages",
            name=name,
            uri=reverse("vessel:package_detail", args=[channel, name]),
            note=f"{version}-{release} in {channel}",
        )
        for name, channel, version, release, _ in rows
    ]
