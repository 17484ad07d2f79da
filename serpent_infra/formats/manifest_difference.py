"""What sets two manifests apart, for people: packages that came and went, fields that changed, capabilities moved.

Pure and without a place to show it: pages and commands take the same values, `describe` gives them as lines.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.meta import Meta

TEXT_FIELDS = (
    *("version", "release", "build_release", "architecture", "summary", "description", "source_id", "homepage"),
    *("uri", "hash", "size"),
)
LIST_FIELDS = ("licenses", "depends", "provides", "conflicts", "build_depends")
# Every package of a manifest has these from the recipe, so that a change of one is a change of all.
_OF_THE_RECIPE = frozenset({"version", "release", "architecture", "source_id", "homepage", "licenses", "build_depends"})
_SHOWN_AS = {
    "build_release": "build release",
    "source_id": "source",
    "licenses": "licences",
    "depends": "dependencies",
    "provides": "providers",
    "build_depends": "build dependencies",
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of one value that reads otherwise; None where the field was or is absent."""

    field: str
    before: str | int | None
    after: str | int | None


@dataclass(frozen=True, slots=True)
class ListChange:
    """What a list gained and lost, as people read it (`zlib`, `soname(libz.so.1(x86_64))`), each sorted.

    Both are empty where only the order changed; `is_reordered` tells.
    """

    field: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def is_reordered(self) -> bool:
        """Says that the same members stand in another order."""
        return not self.added and not self.removed


Change = FieldChange | ListChange


@dataclass(frozen=True, slots=True)
class PackageDifference:
    """The changes of one package that both manifests have, in the order of the fields."""

    name: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDifference:
    """Everything that sets two manifests apart; false where nothing does.

    Attributes:
        recipe: changes of fields that come from the recipe and that all packages share.
        added: the packages that only the second has.
        removed: the packages that only the first has.
        changed: the packages of both, by name, as far as `recipe` does not say it all.
    """

    recipe: tuple[Change, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[PackageDifference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.recipe or self.added or self.removed or self.changed)


def difference(before: Iterable[Meta], after: Iterable[Meta]) -> ManifestDifference:
    """Compares the packages of two manifests. Raises `FormatError` where one of them names a package twice."""
    old, new = _by_name(before), _by_name(after)
    changes = {name: _changes(old[name], new[name]) for name in sorted(old.keys() & new.keys())}
    shared = _shared(changes)
    own = {name: tuple(one for one in found if one not in shared) for name, found in changes.items()}
    return ManifestDifference(
        recipe=shared,
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(PackageDifference(name, found) for name, found in own.items() if found),
    )


def shown_as(field: str) -> str:
    """Gives the words for a field of a package's metadata: `build_depends` reads "build dependencies"."""
    return _SHOWN_AS.get(field, field)


def describe(found: ManifestDifference) -> Iterator[str]:
    """Gives the difference as lines: packages, then changes below the name of what they belong to."""
    for sign, names in (("+", found.added), ("-", found.removed)):
        yield from (f"{sign} package {_shown(name)}" for name in names)
    if found.recipe:
        yield "all packages"
        yield from _lines(found.recipe)
    for package in found.changed:
        yield _shown(package.name)
        yield from _lines(package.changes)


def _by_name(packages: Iterable[Meta]) -> Mapping[str, Meta]:
    named: dict[str, Meta] = {}
    for meta in packages:
        if meta.name in named:
            raise FormatError(f"a manifest with two packages named {meta.name!r}")
        named[meta.name] = meta
    return named


def _changes(old: Meta, new: Meta) -> tuple[Change, ...]:
    found: list[Change] = []
    for field in TEXT_FIELDS:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            found.append(FieldChange(field, before, after))
    for field in LIST_FIELDS:
        if getattr(old, field) != getattr(new, field):
            left, right = (set(map(str, getattr(one, field))) for one in (old, new))
            found.append(ListChange(field, _sorted(right - left), _sorted(left - right)))
    return tuple(found)


def _shared(changes: Mapping[str, tuple[Change, ...]]) -> tuple[Change, ...]:
    first = next(iter(changes.values()), ())
    return tuple(
        one for one in first if one.field in _OF_THE_RECIPE and all(one in found for found in changes.values())
    )


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(texts))


def _lines(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        if isinstance(change, FieldChange):
            yield f"  {shown_as(change.field)}: {_shown(change.before)} → {_shown(change.after)}"
        elif change.is_reordered:
            yield f"  {shown_as(change.field)}: in another order"
        else:
            yield f"  {shown_as(change.field)}:"
            yield from (f"    + {_shown(text)}" for text in change.added)
            yield from (f"    - {_shown(text)}" for text in change.removed)


def _shown(value: str | int | None) -> str:
    """One line for one value: text with line breaks or ends that would not show stands in quotes."""
    if value is None:
        return "(none)"
    text = str(value)
    return text if text.isprintable() and text == text.strip() and text else repr(text)
