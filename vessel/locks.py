"""Who may work on an import or on a channel's directory: one process of this host, by advisory file locks.

The kernel frees such a lock the moment its process dies, however it dies, so no lease needs to run out. They protect
the directories of this host; rows are protected by compare-and-set and by the constraint that a channel has at most
one version in the making.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings


class Busy(Exception):
    """Somebody else holds the lock."""


@contextmanager
def import_lock(reference: str) -> Iterator[None]:
    """Holds the right to work on one import. Raises `Busy` at once where another process does."""
    with _lock(f"import-{hashlib.sha256(reference.encode()).hexdigest()[:16]}", wait=False):
        yield


@contextmanager
def channel_lock(channel: str) -> Iterator[None]:
    """Holds the right to change a channel's directory and its versions, waiting for it."""
    with _lock(f"channel-{channel}", wait=True):
        yield


@contextmanager
def _lock(name: str, *, wait: bool) -> Iterator[None]:
    directory = Path(settings.SERPENT_IMPORTS_DIR) / "locks"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    with _locked(path, wait=wait):
        try:
            yield
        finally:
            if not wait:
                path.unlink(missing_ok=True)  # an import has one short life; a channel's lock stays


def _locked(path: Path, *, wait: bool) -> IO[str]:
    """Opens a file and locks it; one that its holder removed while we waited is no lock any more."""
    while True:
        handle = path.open("a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if path.stat().st_ino == os.fstat(handle.fileno()).st_ino:
                return handle
        except BlockingIOError as error:
            handle.close()
            raise Busy(path.name) from error
        except FileNotFoundError:
            pass
        handle.close()
