"""Opening and making files of a tree that a build may still be changing: no link is ever followed on the way."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY_MODE = 0o755
_MAX_LINKS = 40  # as Linux follows


def open_inside(root: Path, path: str) -> BinaryIO:
    """Opens a regular file by its absolute path in the tree.

    Raises `OSError`, also where a link is on the way and where anything but a regular file stands.
    """
    parent, _, name = path.strip("/").rpartition("/")
    with _directory(root, parent) as directory:
        descriptor = os.open(name, _READ, dir_fd=directory)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "no regular file", path)
        return os.fdopen(descriptor, "rb")


def create_inside(root: Path, path: str, content: bytes, like: os.stat_result) -> None:
    """Makes a new file with mode and times of another. Raises `OSError`, also where the name is taken."""
    parent, _, name = path.strip("/").rpartition("/")
    with _directory(root, parent) as descriptor:
        with os.fdopen(os.open(name, _CREATE, dir_fd=descriptor), "wb") as stream:
            stream.write(content)
            os.fchmod(stream.fileno(), like.st_mode & 0o7777)
        times = (like.st_atime_ns, like.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=descriptor, follow_symlinks=False)


def make_directories_inside(root: Path, path: str) -> None:
    """Makes a directory and those above it, mode 0755. Raises `OSError` where a link or a file is on the way."""
    with _directory(root, path.strip("/"), make=True):
        pass


def resolve_inside(root: Path, path: str, *, follow_last: bool = True) -> str | None:
    """Follows the links of an absolute path as if the tree were the whole system; None where nothing stands there.

    Absolute links and `..` stay inside the tree. Without `follow_last` a link in the last place is what is asked for.
    """
    waiting, here = path.split("/")[::-1], list[str]()
    links = 0
    while waiting:
        part = waiting.pop()
        if part in {"", ".", ".."}:
            here = here[:-1] if part == ".." else here
            continue
        try:
            is_link = stat.S_ISLNK(root.joinpath(*here, part).lstat().st_mode)
            target = os.readlink(root.joinpath(*here, part)) if is_link and (waiting or follow_last) else None  # noqa: PTH115 - pathlib tidies the text
        except (OSError, ValueError):  # ValueError: a NUL
            return None
        if target is None:
            here.append(part)
            continue
        links += 1
        if links > _MAX_LINKS:
            return None
        here = [] if target.startswith("/") else here
        waiting += target.split("/")[::-1]
    return "/" + "/".join(here)


@contextmanager
def _directory(root: Path, path: str, *, make: bool = False) -> Iterator[int]:
    descriptor = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW)
    try:
        for part in filter(None, path.split("/")):
            inner = _enter(part, descriptor, make=make)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(name: str, parent: int, *, make: bool) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
        os.mkdir(name, _DIRECTORY_MODE, dir_fd=parent)
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
        os.fchmod(descriptor, _DIRECTORY_MODE)
        return descriptor
