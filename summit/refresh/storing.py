"""Keeps what was read: good recipes replace their rows, broken ones get their error beside the last good state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from serpent_infra.git import CommitInfo
from summit import bulk
from summit.models import Dependency, Provider, Recipe, Repository
from summit.refresh.reading import Reading, packages_of, upstreams_of

_GOOD = [
    *("path", "name", "version", "release", "summary", "description", "homepage", "licences", "upstreams", "packages"),
    *("package_names", "commit_message"),
    *("architectures", "warnings", "has_networking", "manifests", "commit", "commit_subject", "author_name"),
    *("author_email", "changed_at", "blob", "tree", "error", "error_line", "error_column", "error_commit"),
    "removed_at",
    "claims",
    "former_names",
]
MESSAGE_LIMIT = 4000  # characters
_BAD = ["error", "error_line", "error_column", "error_commit", "blob", "removed_at", "claims"]


@dataclass(slots=True)
class Stored:
    """How many recipes were read, are broken, and went; `warnings` are about what can be no recipe's row.

    `newcomers` are the rows that did not have their names before.
    """

    read: int = 0
    broken: int = 0
    removed: int = 0
    warnings: list[dict[str, str]] = field(default_factory=list)
    newcomers: list[Recipe] = field(default_factory=list)


def store(
    repository: Repository,
    readings: Iterable[Reading],
    removed: Iterable[str],
    commits: Mapping[str, CommitInfo],
    *,
    at: datetime,
) -> Stored:
    """Writes readings and removals in bulk; `commits` names for each path the commit that changed it last.

    A path that goes while another with the same recipe name comes is a rename: the row, and its builds, move along.
    """
    rows = {row.path: row for row in Recipe.objects.filter(repository=repository)}
    leaving = {path: rows[path] for path in removed if path in rows and not rows[path].is_removed}
    moving = {row.name: row for row in leaving.values()}
    fresh: list[Recipe] = []
    good: list[tuple[Recipe, Reading]] = []
    bad: list[Recipe] = []
    result = Stored()
    for reading in readings:
        row = rows.get(reading.entry.path)
        if row is None and reading.recipe is not None:
            row = moving.pop(reading.recipe.name, None)
            if row is not None:
                leaving.pop(row.path)
        if row is None and reading.entry.is_submodule:
            result.warnings.append({"path": reading.entry.path, "text": reading.entry.fault})
            continue
        if row is None:
            row = Recipe(repository=repository, path=reading.entry.path, name=_directory_name(reading.entry.directory))
            fresh.append(row)
        if reading.recipe is None:
            _spoil(row, reading, commits.get(reading.entry.path))
            bad.append(row)
        else:
            if row.is_removed or not row.release or row.name != reading.recipe.name:
                result.newcomers.append(row)
            _fill(row, reading, commits.get(reading.entry.path))
            good.append((row, reading))
    Recipe.objects.bulk_create(fresh, batch_size=500)
    new = {row.pk for row in fresh}
    Recipe.objects.bulk_update([row for row, _ in good if row.pk not in new], _GOOD, batch_size=200)
    Recipe.objects.bulk_update([row for row in bad if row.pk not in new], _BAD, batch_size=500)
    _rewrite_capabilities(good)
    for row in leaving.values():
        row.remove(at=at)
    result.read, result.broken, result.removed = len(good), len(bad), len(leaving)
    return result


def _directory_name(directory: str) -> str:
    return directory.rpartition("/")[2][:255] or "stone"


def _spoil(row: Recipe, reading: Reading, commit: CommitInfo | None) -> None:
    problem = reading.problem
    row.error = problem.sentence if problem is not None else "it cannot be read"
    row.error_line = problem.line if problem is not None else None
    row.error_column = problem.column if problem is not None else None
    row.error_commit = commit.id if commit is not None else ""
    row.blob, row.claims = reading.entry.blob, reading.claims
    row.removed_at = None


def _fill(row: Recipe, reading: Reading, commit: CommitInfo | None) -> None:
    recipe = reading.recipe
    if recipe is None:
        return
    row.path = reading.entry.path
    if row.release and row.name != recipe.name:
        row.former_names = [*(name for name in row.former_names if name not in {row.name, recipe.name}), row.name]
    row.name, row.version, row.release = recipe.name, recipe.version, recipe.release
    row.summary, row.description, row.homepage = recipe.summary, recipe.description, recipe.homepage[:1000]
    row.licences = list(recipe.licences)
    row.upstreams, row.packages = upstreams_of(recipe), packages_of(recipe)
    row.package_names = reading.package_names
    row.architectures, row.warnings = list(recipe.architectures), reading.warnings
    row.has_networking = recipe.options.networking
    row.manifests = reading.manifests
    row.blob, row.tree = reading.entry.blob, reading.entry.tree
    row.error, row.error_line, row.error_column, row.error_commit, row.claims = "", None, None, "", []
    row.removed_at = None
    if commit is not None:
        row.commit, row.commit_subject = commit.id, commit.subject[:200]
        row.commit_message = commit.message[:MESSAGE_LIMIT]
        row.author_name, row.author_email = commit.author_name[:200], commit.author_email[:254]
        row.changed_at = commit.committed_at


def _rewrite_capabilities(good: Sequence[tuple[Recipe, Reading]]) -> None:
    keys = [row.pk for row, _ in good]
    Provider.objects.filter(recipe__in=keys).delete()
    Dependency.objects.filter(recipe__in=keys).delete()
    bulk.insert(
        Provider,
        ["recipe_id", "package", "kind", "target", "architecture"],
        (
            (row.pk, found.package[:255], int(found.capability.kind), found.capability.target[:512], found.architecture)
            for row, reading in good
            for found in reading.provides
        ),
    )
    bulk.insert(
        Dependency,
        ["recipe_id", "package", "kind", "target", "architecture", "usage", "implied_by"],
        (
            (
                *(row.pk, found.package[:255], int(found.capability.kind), found.capability.target[:512]),
                *(found.architecture, found.usage.value, found.implied_by[:60]),
            )
            for row, reading in good
            for found in reading.depends
        ),
    )
