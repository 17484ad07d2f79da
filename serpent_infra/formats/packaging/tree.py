"""The paths of an install tree, in the order that layouts have them (stone-spec 5.3)."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.inside import open_inside

USR = "/usr/"
_PLAIN_DIRECTORY = 0o040755
_NAMED_PATHS = 20  # how many paths an error carries
_SHOWN = 200  # characters of a path in a sentence
_FAULTS_OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
)


@dataclass(frozen=True, slots=True)
class TreePath:
    """One path to package: absolute as installed, the tree it belongs to, and what it was when looked at."""

    path: str
    root: Path
    status: os.stat_result

    @property
    def source(self) -> Path:
        """Where it lies on this host."""
        return self.root / self.path.lstrip("/")

    def open(self) -> BinaryIO:
        """Opens a regular file, following no link. Raises `OSError`."""
        return open_inside(self.root, self.path)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    @property
    def parts(self) -> tuple[str, ...]:
        """The components, the file's name included."""
        return tuple(self.path.split("/")[1:])

    @property
    def is_regular(self) -> bool:
        """Says whether this is a file with content."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_directory(self) -> bool:
        """Says whether this is a directory."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_symlink(self) -> bool:
        """Says whether this is a symbolic link."""
        return stat.S_ISLNK(self.status.st_mode)

    @property
    def is_packaged(self) -> bool:
        """Says whether a package can hold the path: only what lies below `/usr`."""
        return self.path.startswith(USR)


def look_at(install_root: Path, path: str) -> TreePath:
    """Reads the status of an absolute path of the tree, following no link. Raises `OSError`."""
    return TreePath(path, install_root, (install_root / path.lstrip("/")).lstat())


def readable(path: str) -> str:
    """Gives a path for a sentence: what cannot be printed is escaped, and what is very long is cut."""
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in path[:_SHOWN])
    return shown if len(path) <= _SHOWN else f"{shown}… ({len(os.fsencode(path)):,} bytes)"


@contextmanager
def refusing(path: str) -> Iterator[None]:
    """Turns an `OSError` of the block into a `PackagingError` that names the path; a machine that fails stays one."""
    try:
        yield
    except OSError as error:
        if error.errno in _FAULTS_OF_THE_MACHINE:
            raise
        shown = readable(path)
        raise PackagingError(f"{shown}: {error.strerror or error}", paths=(shown,)) from error


def enumerate_tree(install_root: Path, *, strict: bool = True) -> list[TreePath]:
    """Lists what is to be packaged: files and links, and directories that are empty or not of mode 0755.

    Depth first, by the bytes of the names. Where `strict`, anything outside `/usr` but empty directories raises
    `PackagingError`, which names it, and so do devices, pipes and sockets, which no installer makes; else they are
    listed like the rest. A name that is no UTF-8, or a path longer than the host can open, always raises.
    """
    paths = list(_walk(install_root))
    if strict:
        _refuse(
            (found for found in paths if not found.is_packaged and not found.is_directory),
            "packages hold nothing outside /usr; install it elsewhere or remove it",
        )
        _refuse(
            (found for found in paths if not (found.is_regular or found.is_directory or found.is_symlink)),
            "a device, pipe or socket, which nobody installs from a package; let tmpfiles or a service make it",
        )
    return paths


def _refuse(found: Iterable[TreePath], reason: str) -> None:
    paths = tuple(one.path for one in found)
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        raise PackagingError(f"{readable(paths[0])}{more}: {reason}", paths=paths[:_NAMED_PATHS])


def _walk(install_root: Path) -> Iterator[TreePath]:
    """Goes depth first with a stack of its own: a tree may be deeper than Python's."""
    stack: list[tuple[TreePath | None, list[TreePath]]] = [(None, _children(install_root, install_root, ""))]
    while stack:
        directory, waiting = stack[-1]
        if waiting:
            found = waiting.pop()
            if not found.is_directory:
                yield found
                continue
            children = _children(install_root, found.source, found.path)
            stack.append((found if found.status.st_mode != _PLAIN_DIRECTORY or not children else None, children))
        else:
            stack.pop()
            if directory is not None:
                yield directory


def _children(root: Path, directory: Path, prefix: str) -> list[TreePath]:
    """Lists a directory from the last name to the first."""
    with refusing(prefix or "/"), os.scandir(directory) as scan:
        entries = sorted(scan, key=lambda entry: os.fsencode(entry.name), reverse=True)
    return [_found(root, entry, f"{prefix}/{entry.name}") for entry in entries]


def _found(root: Path, entry: os.DirEntry[str], path: str) -> TreePath:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode(errors="backslashreplace")
        raise PackagingError(f"{shown}: the name is no UTF-8, no package can hold it", paths=(shown,)) from error
    with refusing(path):
        return TreePath(path, root, entry.stat(follow_symlinks=False))
