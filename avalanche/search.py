"""Finds builders by name."""

from django.urls import reverse

from avalanche.models import Builder
from serpent_infra.search import Hit


def find(query: str, *, limit: int) -> list[Hit]:
    """Gives builders whose name contains the text."""
    builders = Builder.objects.filter(name__icontains=query).order_by("name")[:limit]
    return [
        Hit(
            sort="Builders",
            name=builder.name,
            uri=reverse("avalanche:builder_detail", args=[builder.name]),
            note=" ".join(part for part in (builder.tier, builder.architecture) if part),
        )
        for builder in builders
    ]
