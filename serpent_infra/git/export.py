"""Writes one directory of a commit to disk, trusting nothing in it: the files of a recipe, on a builder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from serpent_infra.git.errors import GitError

FILE_LIMIT = 20_000
BYTE_LIMIT = 512 * 2**20
_DEPTH_LIMIT = 32
_FORBIDDEN = {"", ".", ".."}


def export_tree(tree: pygit2.Tree, destination: Path) -> None:
    """Writes a tree's files into an empty or missing directory.

    Raises `GitError` for a submodule, a name that is no path component, a symbolic link that leaves the directory, and
    for more than `FILE_LIMIT` files or `BYTE_LIMIT` bytes. What was written until then is left to the caller to remove.
    """
    destination.mkdir(parents=True, exist_ok=True)
    if any(destination.iterdir()):
        raise GitError(f"{destination.name} is not empty")
    root = destination.resolve()
    links: list[tuple[Path, bytes]] = []
    size = 0
    for files, (place, item) in enumerate(_entries(tree, root, 0), start=1):
        size += item.size if isinstance(item, pygit2.Blob) else 0
        if files > FILE_LIMIT or size > BYTE_LIMIT:
            raise GitError(f"the recipe's directory holds more than {FILE_LIMIT:,} files or {BYTE_LIMIT >> 20} MiB")
        try:
            if isinstance(item, pygit2.Tree):
                place.mkdir(mode=0o755)
            elif isinstance(item, pygit2.Blob) and item.filemode == FileMode.LINK:
                links.append((place, item.data))
            elif isinstance(item, pygit2.Blob):
                _write(place, item.data, executable=item.filemode == FileMode.BLOB_EXECUTABLE)
        except OSError as error:
            raise GitError(f"{place.relative_to(root)} could not be written: {error.strerror}") from error
    _link(links, root)


def _entries(tree: pygit2.Tree, directory: Path, depth: int) -> Iterator[tuple[Path, pygit2.Object]]:
    if depth > _DEPTH_LIMIT:
        raise GitError(f"the recipe's directory is nested deeper than {_DEPTH_LIMIT} levels")
    for item in tree:
        name = os.fsdecode(item.raw_name or b"")
        if name in _FORBIDDEN or "/" in name or "\0" in name or name.lower() == ".git":
            raise GitError(f"{name!r} is not a permitted file name")
        if item.filemode == FileMode.COMMIT:
            raise GitError(f"{name!r} is a submodule; recipes cannot hold any")
        yield directory / name, item
        if isinstance(item, pygit2.Tree):
            yield from _entries(item, directory / name, depth + 1)


def _write(place: Path, data: bytes, *, executable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(place, flags, 0o755 if executable else 0o644), "wb") as file:
        file.write(data)


def _link(links: list[tuple[Path, bytes]], root: Path) -> None:
    """Makes symbolic links last, so that nothing is written through one, and then looks where each really leads."""
    for place, target in links:
        if target.startswith(b"/") or b"\0" in target:
            raise GitError(f"the symbolic link {place.relative_to(root)} leaves the recipe's directory")
        try:
            place.symlink_to(os.fsdecode(target))
        except OSError as error:
            raise GitError(f"{place.relative_to(root)} could not be linked: {error.strerror}") from error
    for place, _ in links:
        if not Path(os.path.realpath(place)).is_relative_to(root):
            raise GitError(f"the symbolic link {place.relative_to(root)} leaves the recipe's directory")
