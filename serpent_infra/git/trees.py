"""Reads recipes out of git's trees with pygit2: no checkout, and subtree ids are compared so that little is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pygit2
from pygit2.enums import FileMode, SortMode

from serpent_infra.git.errors import GitError

RECIPE_FILE = "stone.yaml"
# Files of a recipe (patches, units) lie in its `pkg` directory; no recipe is looked for there.
_RECIPE_FILES_DIRECTORY = "pkg"
DEPTH_LIMIT = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeEntry:
    """A `stone.yaml` in a commit: ids are git's, in hex.

    `files` maps the names of the regular files beside it to their blob ids. `is_regular` is false for a symbolic link.
    """

    path: str
    blob: str
    tree: str
    is_regular: bool
    files: Mapping[str, str]

    @property
    def directory(self) -> str:
        """The recipe's directory relative to the repository's root, "" for the root itself."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What differs between two commits: recipes whose directory changed or is new, by path, and paths that are gone."""

    changed: Mapping[str, RecipeEntry]
    removed: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitInfo:
    """Who made a commit, when, and what they said of it."""

    id: str
    author_name: str
    author_email: str
    message: str
    committed_at: datetime

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0].strip()


def find_commit(repository: pygit2.Repository, commit: str) -> pygit2.Commit:
    """Gives a commit by its full id; raises `GitError` when the mirror lacks it."""
    try:
        return repository[commit].peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise GitError(f"the mirror has no commit {commit[:12]}") from error


def describe(commit: pygit2.Commit) -> CommitInfo:
    """Reads author, time and message; bytes that are no UTF-8 are replaced."""
    return CommitInfo(
        id=str(commit.id),
        author_name=commit.author.raw_name.decode(errors="replace"),
        author_email=commit.author.raw_email.decode(errors="replace"),
        message=commit.raw_message.decode(errors="replace"),
        committed_at=datetime.fromtimestamp(commit.commit_time, UTC),
    )


def walk_recipes(tree: pygit2.Tree, directory: str = "") -> Iterator[RecipeEntry]:
    """Finds every recipe below a tree, in path order of directories; submodules are not entered."""
    entry = _recipe_in(tree, directory)
    if entry is not None:
        yield entry
    if directory.count("/") < DEPTH_LIMIT:
        for name, child in _directories(tree, is_recipe=entry is not None):
            yield from walk_recipes(child, f"{directory}/{name}" if directory else name)


def compare(old: pygit2.Tree, new: pygit2.Tree) -> Changes:
    """Compares two trees by their subtree ids: cost follows the difference, not the size."""
    changed: dict[str, RecipeEntry] = {}
    removed: set[str] = set()
    waiting: list[tuple[str, pygit2.Tree | None, pygit2.Tree | None]] = [("", old, new)]
    while waiting:
        directory, was, now = waiting.pop()
        before = _recipe_in(was, directory) if was is not None else None
        after = _recipe_in(now, directory) if now is not None else None
        if after is not None:
            changed[after.path] = after
        elif before is not None:
            removed.add(before.path)
        if directory.count("/") >= DEPTH_LIMIT:
            continue
        olds = dict(_directories(was, is_recipe=before is not None)) if was is not None else {}
        news = dict(_directories(now, is_recipe=after is not None)) if now is not None else {}
        for name in olds.keys() | news.keys():
            one, other = olds.get(name), news.get(name)
            if one is None or other is None or one.id != other.id:
                waiting.append((f"{directory}/{name}" if directory else name, one, other))
    return Changes(changed=changed, removed=frozenset(removed))


def latest_changes(
    repository: pygit2.Repository, *, new: str, old: str | None, paths: set[str], scan_limit: int
) -> dict[str, str]:
    """Names for each recipe path the newest commit on the first-parent line from `new` that changed its directory.

    The walk ends at `old`, at a root, or after `scan_limit` commits; what is then still unnamed is absent.
    """
    found: dict[str, str] = {}
    wanted = set(paths)
    commit = find_commit(repository, new)
    for _ in range(scan_limit):
        if not wanted or str(commit.id) == old:
            break
        parent = commit.parents[0] if commit.parent_ids and commit.parent_ids[0] in repository else None
        here = {entry.path for entry in walk_recipes(commit.tree)} if parent is None else _touched(parent, commit)
        for path in here & wanted:
            found[path] = str(commit.id)
        wanted -= here
        if parent is None:
            break
        commit = parent
    return found


def history(repository: pygit2.Repository, *, commit: str, path: str, limit: int, scan_limit: int) -> list[CommitInfo]:
    """Lists the newest commits that changed the directory of a recipe, newest first."""
    directory = path.rpartition("/")[0]
    commits: list[CommitInfo] = []
    start = find_commit(repository, commit)
    for scanned, candidate in enumerate(repository.walk(start.id, SortMode.TOPOLOGICAL | SortMode.TIME)):
        if len(commits) >= limit or scanned >= scan_limit:
            break
        own = _subtree_id(candidate.tree, directory)
        parents = [_subtree_id(parent.tree, directory) for parent in candidate.parents]
        if own not in parents and (own is not None or parents):
            commits.append(describe(candidate))
    return commits


def _touched(parent: pygit2.Commit, commit: pygit2.Commit) -> set[str]:
    changes = compare(parent.tree, commit.tree)
    return set(changes.changed) | changes.removed


def _subtree_id(tree: pygit2.Tree, directory: str) -> str | None:
    if not directory:
        return str(tree.id)
    try:
        return str(tree[directory].id)
    except KeyError:
        return None


def _recipe_in(tree: pygit2.Tree, directory: str) -> RecipeEntry | None:
    try:
        found = tree[RECIPE_FILE]
    except KeyError:
        return None
    if found.filemode not in {FileMode.BLOB, FileMode.BLOB_EXECUTABLE, FileMode.LINK}:
        return None
    regular = {FileMode.BLOB, FileMode.BLOB_EXECUTABLE}
    return RecipeEntry(
        path=f"{directory}/{RECIPE_FILE}" if directory else RECIPE_FILE,
        blob=str(found.id),
        tree=str(tree.id),
        is_regular=found.filemode in regular,
        files={_name(item): str(item.id) for item in tree if item.filemode in regular},
    )


def _directories(tree: pygit2.Tree, *, is_recipe: bool) -> Iterator[tuple[str, pygit2.Tree]]:
    for item in tree:
        if isinstance(item, pygit2.Tree) and not (is_recipe and item.name == _RECIPE_FILES_DIRECTORY):
            yield _name(item), item


def _name(item: pygit2.Object) -> str:
    return item.raw_name.decode(errors="replace") if item.raw_name is not None else ""
