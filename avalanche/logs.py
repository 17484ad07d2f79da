"""Build logs on the hub: one append-only file an attempt, plain bytes; the byte offset names a place in it."""

import fcntl
import os
from pathlib import Path
from uuid import UUID

from django.conf import settings

from avalanche.refusals import LogGap, LogLimit
from avalanche.statuses import LogTail


def path_of(attempt: UUID) -> Path:
    """Gives the place of an attempt's log, whether or not it has one yet."""
    text = str(attempt)
    directory: Path = settings.SERPENT_LOGS_DIR
    return directory / text[:2] / f"{text}.log"


def size_of(attempt: UUID) -> int:
    """Gives how many bytes of an attempt's log the hub has."""
    try:
        return path_of(attempt).stat().st_size
    except FileNotFoundError:
        return 0


def tail(attempt: UUID, *, limit: int) -> LogTail:
    """Reads the whole lines within the last `limit` bytes; a log that does not exist yet is empty."""
    try:
        with path_of(attempt).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            offset = max(0, size - limit)
            file.seek(offset)
            block = file.read(limit)
    except FileNotFoundError:
        return LogTail(offset=0, size=0, text="")
    if offset:
        cut = block.find(b"\n") + 1
        offset, block = offset + cut, block[cut:]
    return LogTail(offset=offset, size=size, text=block.decode(errors="replace"))


def append(*, attempt: UUID, offset: int, chunk: bytes, limit: int) -> int:
    """Appends what of `chunk`, which begins at `offset`, the log lacks, and gives its new size.

    Repeating a chunk changes nothing. Raises `LogGap` when the log ends before `offset`, `LogLimit` when it would
    outgrow `limit` bytes.
    """
    path = path_of(attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two requests of one builder may overlap when the first was thought lost
        size = os.fstat(file.fileno()).st_size
        if offset > size:
            raise LogGap(size)
        fresh = memoryview(chunk)[size - offset :]
        if size + len(fresh) > limit:
            raise LogLimit(f"The log has {size} bytes of {limit} that the order allows.")
        while fresh:
            written = file.write(fresh)
            fresh = fresh[written:]
            size += written
    return size
