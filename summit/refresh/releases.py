"""Keeps the history of recipes: a row for each version and release, with the commit that brought it."""

from collections.abc import Iterable

from summit.models import Recipe, Release, Repository
from summit.refresh.collecting import Released

_CHUNK = 500


def keep_releases(repository: Repository, releases: Iterable[Released], *, is_whole: bool) -> None:
    """Adds releases to those that are known; where the whole history was read (again) they replace them.

    A release belongs to the recipe of its name, so that a renamed directory keeps its history.
    """
    if is_whole:
        Release.objects.filter(recipe__repository=repository).delete()
    found = list(releases)
    rows = Recipe.objects.filter(repository=repository, name__in={one.name for one in found})
    # Of two recipes of a name the existing one counts, then the one that was there first.
    owners = {row.name: row for row in sorted(rows, key=lambda row: (not row.is_removed, -row.pk))}
    Release.objects.bulk_create(
        [
            Release(
                recipe=owners[one.name],
                version=one.version,
                release=one.release,
                commit=one.commit.id,
                subject=one.commit.subject[:200],
                author_name=one.commit.author_name[:200],
                author_email=one.commit.author_email[:254],
                released_at=one.commit.committed_at,
            )
            for one in found
            if one.name in owners
        ],
        batch_size=_CHUNK,
        ignore_conflicts=True,
    )
