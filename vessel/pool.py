"""The pool: every stone of a channel under its name, written once, never written over."""

import hashlib
import os
import shutil
from pathlib import Path

from vessel import disk


class PoolConflict(Exception):
    """Another file lies at this path of the pool already, or the file to be stored is not what it should be."""


def hash_file(path: Path) -> str:
    """Gives the SHA-256 of a file in lower-case hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def store(source: Path, target: Path, *, sha256: str) -> None:
    """Puts `source` at `target` too, durably; what lies there already with that hash stays.

    On one filesystem the two are links to the same bytes, so the source is not to be written any more. The file
    appears whole or not at all, and an existing file is never replaced. Raises `PoolConflict`.
    """
    disk.make_directory(target.parent)
    if target.exists():
        _check(target, sha256)
        return
    fresh = disk.temporary_name(target)
    try:
        _place(source, fresh)
        _check(fresh, sha256)
        try:
            target.hardlink_to(fresh)  # unlike a rename, a link never replaces
        except FileExistsError:
            _check(target, sha256)
    finally:
        fresh.unlink(missing_ok=True)
    disk.sync_directory(target.parent)


def _place(source: Path, fresh: Path) -> None:
    try:
        fresh.hardlink_to(source)
    except OSError:  # another filesystem, or one without links
        shutil.copyfile(source, fresh)
    with fresh.open("rb") as copy:
        os.fchmod(copy.fileno(), disk.FILE_MODE)
        os.fsync(copy.fileno())


def _check(path: Path, sha256: str) -> None:
    found = hash_file(path)
    if found != sha256:
        raise PoolConflict(f"{path.name} in the pool has sha256 {found}, not {sha256}")


def fallback_path(path: str, sha256: str) -> str:
    """Gives where a stone lies whose path belongs to another file of the channel: one directory deeper, by its hash.

    Two streams of a channel may hold the same release built for different machines; both keep their names.
    """
    directory, _, name = path.rpartition("/")
    return f"{directory}/{sha256[:16]}/{name}"
