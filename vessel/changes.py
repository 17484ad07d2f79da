"""What one version changed against the one it follows, as rows for a page.

Where a version follows the one before it in its lineage, which is nearly always, the edges of the membership
intervals say it in one query; after a rollback or a promotion, and in a branch, the two contents are compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Q

from vessel.collection import Changes
from vessel.models import Membership, Stone, Version
from vessel.versions import changes_of as compare_with_parent


class ChangeKind(StrEnum):
    """What happened to a package."""

    ADDED = "added"
    UPGRADED = "upgraded"
    REMOVED = "removed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One package: version and release before and after ("" for none), `size` the growth of its file in bytes."""

    name: str
    architecture: str
    before: str
    after: str
    size: int

    @property
    def kind(self) -> ChangeKind:
        """Says which of the three it is."""
        if not self.before:
            return ChangeKind.ADDED
        return ChangeKind.UPGRADED if self.after else ChangeKind.REMOVED


def changes_of(version: Version) -> list[Change]:
    """Lists what a version changed against the one it follows, by name."""
    previous = (
        Version.objects.filter(lineage=version.lineage_id, identifier__lt=version.pk)
        .order_by("-identifier")
        .values_list("pk", flat=True)
        .first()
    )
    if previous == version.parent_id and version.base_id is None:
        return _from_intervals(version)
    return as_rows(compare_with_parent(version))


def as_rows(changes: Changes) -> list[Change]:
    """Makes rows of a comparison, by name."""
    rows = [
        *(_row(i.name, i.architecture, after=(f"{i.version}-{i.release}", i.size)) for i in changes.added),
        *(_row(i.name, i.architecture, before=(f"{i.version}-{i.release}", i.size)) for i in changes.removed),
        *(
            _row(
                c.new.name,
                c.new.architecture,
                before=(f"{c.old.version}-{c.old.release}", c.old.size),
                after=(f"{c.new.version}-{c.new.release}", c.new.size),
            )
            for c in changes.replaced
        ),
    ]
    return sorted(rows, key=lambda row: (row.name, row.architecture))


def _from_intervals(version: Version) -> list[Change]:
    members = (
        Membership.objects.filter(stream=version.lineage_id)
        .filter(Q(added_in=version) | Q(removed_in=version))
        .select_related("stone")
        .defer("stone__index_record")
    )
    before: dict[tuple[str, str], Stone] = {}
    after: dict[tuple[str, str], Stone] = {}
    for member in members:
        side = after if member.added_in_id == version.pk else before
        side[member.name, member.architecture] = member.stone
    return [
        _row(*key, before=_side(before, key), after=_side(after, key)) for key in sorted(before.keys() | after.keys())
    ]


def _side(stones: Mapping[tuple[str, str], Stone], key: tuple[str, str]) -> tuple[str, int]:
    stone = stones.get(key)
    return (stone.release_text, stone.size) if stone else ("", 0)


def _row(
    name: str, architecture: str, *, before: tuple[str, int] = ("", 0), after: tuple[str, int] = ("", 0)
) -> Change:
    return Change(name=name, architecture=architecture, before=before[0], after=after[0], size=after[1] - before[1])
