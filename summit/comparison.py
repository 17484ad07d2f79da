"""What two builds of the same order left, compared file by file: bit for bit or not. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from serpent_infra.wire.reports import ArtefactInfo
from serpent_infra.words import listed

_NAMED = 12  # files that a sentence names; the page of each attempt has them all


@dataclass(frozen=True, slots=True)
class Difference:
    """Names of files, sorted: those in both whose bytes differ, and those that only one of the builds left."""

    differing: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # the first build left them, the second did not
    added: tuple[str, ...] = ()  # the second build left them, the first did not

    def __bool__(self) -> bool:
        return bool(self.differing or self.missing or self.added)

    def __str__(self) -> str:
        kinds = (
            (self.differing, "differs", "differ"),
            (self.missing, "is missing", "are missing"),
            (self.added, "was added", "were added"),
        )
        return "; ".join(
            f"{listed(names, most=_NAMED)} {one if len(names) == 1 else many}" for names, one, many in kinds if names
        )


def compare(first: Iterable[ArtefactInfo], second: Iterable[ArtefactInfo]) -> Difference:
    """Compares packages and manifests alike by name and SHA-256; empty where all are the same."""
    one = {file.name: file.sha256 for file in first}
    other = {file.name: file.sha256 for file in second}
    return Difference(
        differing=tuple(sorted(name for name in one.keys() & other.keys() if one[name] != other[name])),
        missing=tuple(sorted(one.keys() - other.keys())),
        added=tuple(sorted(other.keys() - one.keys())),
    )
