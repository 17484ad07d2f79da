"""A branch's own line of commits (first parents), newest first, and which recipes each of them changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pygit2

from serpent_infra.git.trees import CommitInfo, RecipeEntry, compare, describe, find_commit, walk_recipes


@dataclass(frozen=True, slots=True)
class Step:
    """One commit: the recipes whose directory it changed or brought, by path, and the paths that it removed.

    `rewritten` are those of the changed whose `stone.yaml` itself is another than before.
    """

    commit: pygit2.Commit
    changed: Mapping[str, RecipeEntry]
    removed: frozenset[str]
    rewritten: frozenset[str]

    @property
    def id(self) -> str:
        """The commit's full id."""
        return str(self.commit.id)

    def describe(self) -> CommitInfo:
        """Reads author, time and message."""
        return describe(self.commit)


def line(repository: pygit2.Repository, *, new: str, old: str, limit: int) -> Iterator[Step]:
    """Walks from `new` to `old` (not included), to a root, or over `limit` commits."""
    commit = find_commit(repository, new)
    for _ in range(limit):
        if str(commit.id) == old:
            return
        parent = commit.parents[0] if commit.parent_ids and commit.parent_ids[0] in repository else None
        if parent is None:
            found = {entry.path: entry for entry in walk_recipes(commit.tree)}
            yield Step(commit, found, frozenset(), frozenset(found))
            return
        changes = compare(parent.tree, commit.tree)
        rewritten = frozenset(
            path for path, entry in changes.changed.items() if _blob_at(parent.tree, path) != entry.blob
        )
        yield Step(commit, changes.changed, changes.removed, rewritten)
        commit = parent


def _blob_at(tree: pygit2.Tree, path: str) -> str:
    try:
        return str(tree[path].id)
    except (KeyError, UnicodeEncodeError):
        return ""
