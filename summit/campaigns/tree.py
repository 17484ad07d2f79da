"""What all recipes of a project provide and need, read once for as long as none of it changes."""

from collections.abc import Mapping
from typing import Protocol

from django.db.models import Count, Max

from serpent_infra.formats.dependency import Capability
from summit import ordering
from summit.models import Dependency, Provider, Recipe
from summit.needs import Need


class Capabilities(Protocol):
    """What one recipe provides and needs for an architecture."""

    @property
    def provides(self) -> set[Capability]:
        """What its packages provide, as far as it is known."""
        ...

    @property
    def needs(self) -> Mapping[Need, None]:
        """What it depends on."""
        ...

    @property
    def implied(self) -> tuple[Capability, ...]:
        """What its macros, its toolchain and every build root imply."""
        ...

    @property
    def has_manifest(self) -> bool:
        """Says whether a manifest tells it."""
        ...


Tree = Mapping[int, Capabilities]


_known: dict[tuple[int, str], tuple[object, Tree]] = {}


def read_tree(project: int, *, architecture: str) -> Tree:
    """Gives, by recipe, what the project's existing recipes provide and need on an architecture.

    Rows of a recipe are written anew when it changes, so their number and the highest id tell one state from another.
    """
    keys = Recipe.objects.buildable().filter(repository__project=project)
    state = (
        keys.aggregate(count=Count("pk"), latest=Max("changed_at")),
        *(model.objects.aggregate(count=Count("pk"), latest=Max("pk")) for model in (Provider, Dependency)),
    )
    kept = _known.get((project, architecture))
    if kept is None or kept[0] != state:
        tree = ordering.read_capabilities(set(keys.values_list("pk", flat=True)), architecture=architecture)
        kept = _known[project, architecture] = (state, tree)
    return kept[1]


def forget() -> None:
    """Drops what is remembered."""
    _known.clear()
