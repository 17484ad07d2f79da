"""A directory that is written to by relative paths and never left: every step is one component, no symlink followed."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEFAULT_MODE = 0o755


class Occupied(Exception):
    """A path cannot be made because of what is already there."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"{target}: {reason}")
        self.target = target
        self.reason = reason


class Directory:
    """An open directory; targets are relative paths whose components the caller has checked (no `..`, not absolute).

    Parents are made where missing. With `replace`, a file or symlink in the way is removed; a directory never is.
    Its methods raise `Occupied`, and `OSError` where the disk fails.
    """

    def __init__(self, root: int, *, replace: bool) -> None:
        self._root = root
        self._replace = replace
        self._parent = ""
        self._parent_fd = os.dup(root)

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, replace: bool = False) -> Iterator["Directory"]:
        """Opens an existing directory."""
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        directory = cls(root, replace=replace)
        try:
            yield directory
        finally:
            os.close(directory._parent_fd)
            os.close(root)

    @contextmanager
    def create(self, target: str) -> Iterator[BinaryIO]:
        """Makes a new file, readable and writable; it is removed where the block fails."""
        parent, name = self._enter(target)
        self._clear(parent, name, target)
        with os.fdopen(os.open(name, _FILE, 0o600, dir_fd=parent), "w+b") as file:
            anchor = os.dup(parent)  # the parent kept open may be another one when the block ends
            try:
                yield file
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=anchor)
                raise
            finally:
                os.close(anchor)

    def symlink(self, target: str, link: str) -> None:
        """Makes a symlink; its text is not looked at."""
        parent, name = self._enter(target)
        self._clear(parent, name, target)
        os.symlink(link, name, dir_fd=parent)

    def make(self, target: str) -> None:
        """Makes a directory, or takes the one that is there."""
        self._enter(f"{target}/.")

    def chmod_directory(self, target: str, mode: int) -> None:
        """Sets the mode of a directory made before."""
        parent, _ = self._enter(f"{target}/.")
        os.fchmod(parent, mode)

    def _enter(self, target: str) -> tuple[int, str]:
        """Opens the parent of a target, component by component; gives it with the target's last component."""
        folder, _, name = target.rpartition("/")
        if folder != self._parent:
            current = os.dup(self._root)
            try:
                for part in filter(None, folder.split("/")):
                    following = _step(current, part, target)
                    os.close(current)
                    current = following
            except BaseException:
                os.close(current)
                raise
            os.close(self._parent_fd)
            self._parent, self._parent_fd = folder, current
        return self._parent_fd, name

    def _clear(self, parent: int, name: str, target: str) -> None:
        """Makes room for a new file or symlink."""
        try:
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISDIR(mode):
            raise Occupied(target, "a directory is in the way")
        if not self._replace:
            raise Occupied(target, "it exists already")
        os.unlink(name, dir_fd=parent)


def _step(current: int, part: str, target: str) -> int:
    """Opens one directory below another, and makes it where it is missing."""
    try:
        os.mkdir(part, dir_fd=current)
        is_new = True
    except FileExistsError:
        is_new = False
    try:
        following = os.open(part, _FOLDER, dir_fd=current)
    except OSError as error:
        found = os.stat(part, dir_fd=current, follow_symlinks=False).st_mode
        if stat.S_ISDIR(found):
            raise
        raise Occupied(target, f"{part!r} on its way is no directory") from error
    if is_new:
        os.fchmod(following, _DEFAULT_MODE)  # whatever the umask is
    return following
