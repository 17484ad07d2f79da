"""Sends a growing log to the hub by byte offset, in batches; a hub that is away for a while misses nothing."""

import logging
import threading
import time
from typing import Protocol
from uuid import UUID

from avalanche.agent.hub import HubRefused, HubUnreachable, LogGap
from avalanche.agent.journal import Journal

logger = logging.getLogger(__name__)

BATCH_SECONDS = 0.2
CHUNK = 512 * 1024
FINISH_SECONDS = 3600.0  # how long the rest is offered to a hub that is away, once the build has ended
_IDLE_SECONDS = 1.0
_TRY_SECONDS = 5.0


class TakingLogs(Protocol):
    """The part of the hub that takes logs."""

    def append_log(self, *, attempt: UUID, epoch: int, offset: int, chunk: bytes, patience: float = 0) -> int:
        """Appends and gives the size; raises `LogGap`, `HubRefused` and `HubUnreachable`."""


class LogStream:
    """A thread that follows a journal."""

    def __init__(self, hub: TakingLogs, journal: Journal, *, attempt: UUID, epoch: int) -> None:
        """Begins at the log's first byte."""
        self._hub = hub
        self._journal = journal
        self._attempt = attempt
        self._epoch = epoch
        self._offset = 0
        self._is_over = False
        self._ending = threading.Event()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        """Begins to follow."""
        self._thread.start()

    def finish(self, *, patience: float = FINISH_SECONDS) -> None:
        """Sends what is left and returns; gives up when the hub refuses, or is away for `patience` seconds."""
        self._give_up_at = time.monotonic() + patience
        self._ending.set()
        self._journal.grown.set()
        self._thread.join()

    def stop(self) -> None:
        """Ends without waiting for anything; the log may be moved away at once."""
        self._is_over = True
        self._journal.grown.set()

    def _run(self) -> None:
        while not self._is_over:
            ending = self._ending.is_set()
            self._journal.grown.clear()
            self._send()
            if ending and (self._offset >= self._journal.size or time.monotonic() > self._give_up_at):
                return
            if self._journal.grown.wait(_IDLE_SECONDS):
                self._ending.wait(BATCH_SECONDS)

    def _send(self) -> None:
        """Sends all there is, as far as the hub takes it now."""
        while self._offset < self._journal.size and not self._is_over:
            try:
                chunk = self._journal.read(self._offset, CHUNK)
                self._offset = self._hub.append_log(
                    attempt=self._attempt, epoch=self._epoch, offset=self._offset, chunk=chunk, patience=_TRY_SECONDS
                )
            except FileNotFoundError:
                return  # stopped, and the workspace is gone
            except LogGap as gap:
                self._offset = gap.size
            except HubRefused as refusal:
                # Whether the attempt goes on is the lease's matter; its log does not.
                logger.warning("The hub takes no more log of attempt %s: %s", self._attempt, refusal)
                self._is_over = True
            except HubUnreachable as error:
                logger.warning("The log of attempt %s waits for the hub: %s", self._attempt, error)
                return
