"""Finding across apps that do not know each other: each may have a `search` module with one function, `find`.

`find(query, limit=…)` gives at most `limit` hits, best first, in a bounded number of queries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import module_has_submodule

LONGEST_QUERY = 100  # characters; what follows is cut off


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One thing found: what sort of thing it is, its name, where its page is, and what to say beside it."""

    sort: str  # plural, a heading: "Recipes"
    name: str
    uri: str
    note: str = ""
    status: str = ""


@dataclass(frozen=True, kw_only=True)
class HitGroup:
    """The hits of one sort, in the order found."""

    sort: str
    hits: tuple[Hit, ...]


Finder = Callable[..., Sequence[Hit]]


def finders() -> list[Finder]:
    """Lists the `find` functions of the installed apps, in the order of `SERPENT_APPS`."""
    configurations = [apps.get_app_config(name) for name in settings.SERPENT_APPS]
    return [
        import_module(f"{configuration.name}.search").find
        for configuration in configurations
        if configuration.module is not None and module_has_submodule(configuration.module, "search")
    ]


def find(text: str, *, limit: int) -> list[HitGroup]:
    """Asks every app, `limit` hits of a sort at most; an empty question finds nothing."""
    query = text[:LONGEST_QUERY].strip()
    if not query:
        return []
    groups: dict[str, list[Hit]] = {}
    for finder in finders():
        for hit in finder(query, limit=limit):
            groups.setdefault(hit.sort, []).append(hit)
    return [HitGroup(sort=sort, hits=tuple(hits)) for sort, hits in groups.items()]
