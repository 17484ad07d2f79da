"""Reads recipes out of git's trees with pygit2: no checkout, and subtree ids are compared so that little is read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

import pygit2
from pygit2.enums import FileMode

from serpent_infra.git.errors import GitError, MirrorBroken

RECIPE_FILE = "stone.yaml"
# Files of a recipe (patches, units) lie in its `pkg` directory; no recipe is looked for there.
_RECIPE_FILES_DIRECTORY = "pkg"
DEPTH_LIMIT = 8
DIRECTORY_LIMIT = 250_000
PATH_LIMIT = 1000  # bytes
_REGULAR = {FileMode.BLOB, FileMode.BLOB_EXECUTABLE}
_LATEST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())  # whoever commits may claim any time
_NO_FILES: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeEntry:
    """A `stone.yaml` in a commit: ids are git's, in hex.

    `files` maps the names of the regular files beside it to their blob ids. `fault` says why it can be no recipe: a
    symbolic link, a path that is none. Where a whole directory is a submodule (`is_submodule`) nobody can tell whether
    a recipe was meant.
    """

    path: str
    blob: str
    tree: str
    files: Mapping[str, str]
    fault: str = ""
    is_submodule: bool = False

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
    """Gives a commit by its full id; raises `MirrorBroken` when the mirror lacks it."""
    try:
        return repository[commit].peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise MirrorBroken(f"the mirror has no commit {commit[:12]}") from error


def describe(commit: pygit2.Commit) -> CommitInfo:
    """Reads author, time and message; bytes that are no UTF-8 are replaced, and a time out of range by the nearest."""
    seconds = min(max(commit.commit_time, 0), _LATEST)
    return CommitInfo(
        id=str(commit.id),
        author_name=_text(commit.author.raw_name),
        author_email=_text(commit.author.raw_email),
        message=_text(commit.raw_message),
        committed_at=datetime.fromtimestamp(seconds, UTC),
    )


def walk_recipes(root: pygit2.Tree) -> Iterator[RecipeEntry]:
    """Finds every recipe below a tree, in path order of directories, and every submodule, which is not entered.

    Raises `GitError` for more than `DIRECTORY_LIMIT` directories.
    """
    waiting = [("", root)]
    count = 0
    while waiting:
        count = _counted(count)
        directory, tree = waiting.pop()
        entry = _recipe_in(tree, directory)
        if entry is not None:
            yield entry
        yield from _submodules(tree, directory).values()
        if directory.count("/") < DEPTH_LIMIT:
            children = list(_directories(tree, is_recipe=entry is not None))
            waiting += [(f"{directory}/{name}" if directory else name, child) for name, child in reversed(children)]


def _counted(directories: int) -> int:
    """Counts one more directory: few objects can make very many, where trees name the same tree again and again."""
    if directories >= DIRECTORY_LIMIT:
        raise GitError(f"it has more than {DIRECTORY_LIMIT:,} directories, which no repository of recipes has")
    return directories + 1


def compare(old: pygit2.Tree, new: pygit2.Tree) -> Changes:
    """Compares two trees by their subtree ids: cost follows the difference, not the size.

    Raises `GitError` where more than `DIRECTORY_LIMIT` directories differ.
    """
    changed: dict[str, RecipeEntry] = {}
    removed: set[str] = set()
    waiting: list[tuple[str, pygit2.Tree | None, pygit2.Tree | None]] = [("", old, new)]
    count = 0
    while waiting:
        count = _counted(count)
        directory, was, now = waiting.pop()
        before = _recipe_in(was, directory) if was is not None else None
        after = _recipe_in(now, directory) if now is not None else None
        if after is not None:
            changed[after.path] = after
        elif before is not None:
            removed.add(before.path)
        ours = _submodules(now, directory) if now is not None else {}
        theirs = _submodules(was, directory) if was is not None else {}
        changed |= {path: entry for path, entry in ours.items() if path not in theirs}
        removed |= theirs.keys() - ours.keys()
        if directory.count("/") >= DEPTH_LIMIT:
            continue
        olds = dict(_directories(was, is_recipe=before is not None)) if was is not None else {}
        news = dict(_directories(now, is_recipe=after is not None)) if now is not None else {}
        for name in olds.keys() | news.keys():
            one, other = olds.get(name), news.get(name)
            if one is None or other is None or one.id != other.id:
                waiting.append((f"{directory}/{name}" if directory else name, one, other))
    return Changes(changed=changed, removed=frozenset(removed - changed.keys()))


def _recipe_in(tree: pygit2.Tree, directory: str) -> RecipeEntry | None:
    try:
        found = tree[RECIPE_FILE]
    except KeyError:
        return None
    entry = RecipeEntry(
        path=f"{directory}/{RECIPE_FILE}" if directory else RECIPE_FILE,
        blob=str(found.id),
        tree=str(tree.id),
        files={_name(item): str(item.id) for item in tree if item.filemode in _REGULAR},
        fault=_KINDS.get(found.filemode, ""),
    )
    return _fitting(entry)


def _submodules(tree: pygit2.Tree, directory: str) -> dict[str, RecipeEntry]:
    """Gives by the path of the recipe that it would hold each directory that is a submodule."""
    found = {}
    for item in tree:
        if item.filemode == FileMode.COMMIT and item.name != RECIPE_FILE:
            place = f"{directory}/{_name(item)}" if directory else _name(item)
            entry = RecipeEntry(
                path=f"{place}/{RECIPE_FILE}",
                blob="",
                tree="",
                files=_NO_FILES,
                fault=f"{place} is a submodule; recipes in one are not read",
                is_submodule=True,
            )
            entry = _fitting(entry)
            found[entry.path] = entry
    return found


_KINDS = {
    FileMode.LINK: "stone.yaml is a symbolic link; it must be a file",
    FileMode.COMMIT: "stone.yaml is a submodule; it must be a file",
    FileMode.TREE: "stone.yaml is a directory; it must be a file",
}


def _fitting(entry: RecipeEntry) -> RecipeEntry:
    """Marks an entry whose path cannot be one: builders could not write it, and the database not keep it."""
    fault, path = "", entry.path.encode(errors="surrogateescape")
    if not _UNDECODED.isdisjoint(entry.path):
        fault = "its path is no UTF-8"
    elif _CONTROL.search(entry.path):
        fault = "its path has a control character"
    elif not {".", "..", ".git"}.isdisjoint(entry.path.split("/")):
        fault = "its path has a part that no directory can be named"
    elif len(path) > PATH_LIMIT:
        fault = f"its path has {len(path):,} bytes; the limit is {PATH_LIMIT:,}"
    if not fault:
        return entry
    readable = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", path.decode(errors="backslashreplace"))
    if len(readable.encode()) > PATH_LIMIT:
        start = readable.encode("ascii", errors="backslashreplace").decode()[: PATH_LIMIT - 80]
        readable = f"{start}... {sha256(path).hexdigest()}/{RECIPE_FILE}"
    return replace(entry, path=readable, fault=fault)


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What the surrogateescape handler makes of bytes that are no UTF-8.
_UNDECODED = {chr(0xDC00 + byte) for byte in range(0x80, 0x100)}


def _directories(tree: pygit2.Tree, *, is_recipe: bool) -> Iterator[tuple[str, pygit2.Tree]]:
    for item in tree:
        if isinstance(item, pygit2.Tree) and not (is_recipe and item.name == _RECIPE_FILES_DIRECTORY):
            yield _name(item), item


def _name(item: pygit2.Object) -> str:
    return item.raw_name.decode(errors="surrogateescape") if item.raw_name is not None else ""


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace").replace("\0", "")
