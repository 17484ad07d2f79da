"""Reads out of a mirror what became of a branch: its changed recipes, who changed them, and their releases."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.git import Changes, CommitInfo, GitError, Mirror, MirrorBroken, Step
from summit.refresh.reading import RECIPE_LIMIT, Reading, read

# More recipes than that are no repository of recipes; ten times the largest that is known.
MOST_RECIPES = 20_000
# How far back the first look at a history goes, in commits and in versions of recipes.
_MOST_STEPS = 5_000
_MOST_BLOBS = 20_000
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Released:
    """A release of a recipe, by the recipe's name then, and the oldest commit on the line that has it."""

    name: str
    version: str
    release: int
    commit: CommitInfo


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What changed on a branch: `is_whole` says that everything was read, and what is not there is gone."""

    head: CommitInfo
    is_whole: bool
    readings: list[Reading]
    removed: frozenset[str]
    commits: Mapping[str, CommitInfo]
    releases: list[Released]
    readme: str


def collect(
    mirror: Mirror, *, old: str, new: str, known: Iterable[str], again: Mapping[str, str] = _NONE, until: float
) -> Collected:
    """Reads what changed from `old` ("" for all of it) to `new`; `known` are the paths of the recipes so far.

    Those of `again` are read as well, which maps paths to the commits that changed them last.

    Where `new` does not continue `old` all is read anew. Raises `GitError` when there is too much, or when it is past
    `until` (of the monotonic clock), and `MirrorBroken` for an object that the mirror lacks.
    """
    is_whole = not (old and mirror.has(old) and mirror.continues(old, new))
    if is_whole:
        found = {entry.path: entry for entry in mirror.recipes(new)}
        changes = Changes(changed=found, removed=frozenset(known) - found.keys())
    else:
        changes = mirror.changed(old, new)
        if again.keys() - changes.changed.keys():
            found = {entry.path: entry for entry in mirror.recipes(new) if entry.path in again}
            changes = Changes(changed=found | dict(changes.changed), removed=changes.removed)
    if len(changes.changed) > MOST_RECIPES:
        raise GitError(f"{len(changes.changed):,} recipes are more than a repository may hold ({MOST_RECIPES:,})")
    readings: list[Reading] = []
    for path in sorted(changes.changed):
        if time.monotonic() > until:
            raise GitError(
                f"reading the recipes took too long; {len(readings):,} of {len(changes.changed):,} were read"
            )
        readings.append(read(mirror, changes.changed[path]))
    steps = mirror.line(new=new, old="" if is_whole else old, limit=_MOST_STEPS) if readings else ()
    lineage = _Lineage(mirror, readings, until=until)
    for step in steps:
        if not lineage.take(step):
            break
    head, paths = mirror.commit_info(new), [reading.entry.path for reading in readings]
    return Collected(
        head=head,
        is_whole=is_whole,
        readings=readings,
        removed=changes.removed,
        commits={path: lineage.latest.get(path) or _known(mirror, again.get(path, ""), head) for path in paths},
        releases=list(lineage.releases.values()),
        readme=mirror.readme(new),
    )


def _known(mirror: Mirror, commit: str, head: CommitInfo) -> CommitInfo:
    """Describes a commit that was known before, or the head where it was not, or is gone."""
    return mirror.commit_info(commit) if commit and mirror.has(commit) else head


class _Lineage:
    """Follows a line of commits backwards: the latest change of every recipe, the first commit of every release."""

    def __init__(self, mirror: Mirror, readings: list[Reading], *, until: float) -> None:
        self.latest: dict[str, CommitInfo] = {}
        self.releases: dict[tuple[str, str, int], Released] = {}
        self._mirror = mirror
        self._until = until
        self._wanted = {reading.entry.path for reading in readings}
        self._blobs: dict[str, tuple[str, str, int] | None] = {
            reading.entry.blob: (reading.recipe.name, reading.recipe.version, reading.recipe.release)
            for reading in readings
            if reading.recipe is not None
        }
        self._left = _MOST_BLOBS

    def take(self, step: Step) -> bool:
        """Takes one commit; False when time or patience is over, and what is older stays unknown."""
        info: CommitInfo | None = None
        touched = self._wanted & (step.changed.keys() | step.removed)
        if touched or step.rewritten:
            info = step.describe()
            self.latest |= dict.fromkeys(touched, info)
            self._wanted -= touched
            for path in step.rewritten:
                release = self._release_of(step.changed[path].blob)
                if release is not None:
                    name, version, number = release
                    self.releases[release] = Released(name=name, version=version, release=number, commit=info)
        return self._left > 0 and time.monotonic() < self._until

    def _release_of(self, blob: str) -> tuple[str, str, int] | None:
        """Reads name, version and release out of an old `stone.yaml`; None where that cannot be read."""
        if blob not in self._blobs:
            self._left -= 1
            self._blobs[blob] = self._parse(blob)
        return self._blobs[blob]

    def _parse(self, blob: str) -> tuple[str, str, int] | None:
        try:
            data = self._mirror.blob_data(blob) if blob else b""
            recipe = parse_recipe(data) if len(data) <= RECIPE_LIMIT else None
        except MirrorBroken:
            raise
        except (FormatError, GitError):
            return None
        return (recipe.name, recipe.version, recipe.release) if recipe is not None else None
