"""The log of one attempt on this machine: every byte in order, where each phase begins, and when it last spoke."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serpent_infra.wire.reports import PhaseTime

_ALLOWANCE = 32 * 1024  # bytes; the hub takes twice as much beyond the limit
_LINE_LIMIT = 2000


class Journal:
    """An append-only file; one thread writes, others ask for `size`, `phase` and the bytes."""

    def __init__(self, path: Path, *, limit: int) -> None:
        """Begins an empty log that takes up to `limit` bytes."""
        self.path = path
        self.limit = limit
        self.size = 0
        self.phase = ""
        self.phases: list[PhaseTime] = []
        self.spoke_at = time.monotonic()
        self.is_over_limit = False
        self.grown = threading.Event()
        self._file = path.open("wb", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Appends output; what goes beyond the limit is dropped, and `is_over_limit` says so."""
        if self.size + len(chunk) > self.limit:
            self.is_over_limit = True
            chunk = chunk[: max(self.limit - self.size, 0)]
        self._append(chunk)

    def say(self, text: str) -> None:
        """Appends a line of our own, for which there is room beyond the limit."""
        if self.size < self.limit + _ALLOWANCE:
            self._append(text.encode(errors="replace")[:_LINE_LIMIT] + b"\n")

    def _append(self, chunk: bytes) -> None:
        self.spoke_at = time.monotonic()
        while chunk:
            written = self._file.write(chunk)
            self.size += written
            chunk = chunk[written:]
        self.grown.set()

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Times a phase; its heading is the first line of its output."""
        began, offset = time.monotonic(), self.size
        self.phase = phase
        self.say(f"==> {phase}")
        try:
            yield
        finally:
            seconds = round(time.monotonic() - began, 3)
            self.phases.append(PhaseTime(name=phase, seconds=seconds, log_offset=offset))

    def read(self, offset: int, size: int) -> bytes:
        """Reads up to `size` bytes from `offset` on."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def since_phase(self, *, at_most: int) -> str:
        """Gives the end of what the current phase has written, up to `at_most` bytes, as text."""
        begin = self.phases[-1].log_offset if self.phases else 0
        begin = max(begin, self.size - at_most)
        return self.read(begin, at_most).decode(errors="replace")

    def close(self) -> None:
        """Ends the log."""
        self._file.close()
        self.grown.set()
