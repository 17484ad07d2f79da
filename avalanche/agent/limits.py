"""When a build is ended early: cancelled, its lease lost, or out of time, silence, log or disk."""

import os
import threading
import time
from enum import StrEnum
from pathlib import Path

from avalanche.agent.journal import Journal
from serpent_infra.wire.orders import Limits
from serpent_infra.wire.reports import FailureKind

_DISK_SECONDS = 1.0  # between two looks at the free space


class Stopped(StrEnum):
    """Why a build was ended."""

    CANCELLED = "cancelled"
    LEASE_LOST = "lease-lost"
    TIME_LIMIT = "time-limit"
    SILENCE_LIMIT = "silence-limit"
    LOG_LIMIT = "log-limit"
    DISK_FULL = "disk-full"


FAILURES = {
    Stopped.TIME_LIMIT: FailureKind.TIME_LIMIT,
    Stopped.SILENCE_LIMIT: FailureKind.SILENCE_LIMIT,
    Stopped.LOG_LIMIT: FailureKind.LOG_LIMIT,
    Stopped.DISK_FULL: FailureKind.DISK_FULL,
}


class BuildStopped(Exception):
    """The build was ended early; `reason` says why."""

    def __init__(self, reason: Stopped) -> None:
        super().__init__(reason)
        self.reason = reason


class Interruption:
    """Says from another thread that the build is to end; the first reason stays.

    After `expires_at`, on the monotonic clock, the lease counts as lost.
    """

    def __init__(self) -> None:
        self._raised = threading.Event()
        self.reason: Stopped | None = None
        self.expires_at = float("inf")

    def set(self, reason: Stopped) -> None:
        """Asks for the end."""
        if not self._raised.is_set():
            self.reason = reason
            self._raised.set()


class Watch:
    """Looks at all limits of one attempt; made when its build begins."""

    def __init__(
        self, *, limits: Limits, journal: Journal, interruption: Interruption, disk: Path, minimum_free: int
    ) -> None:
        self._limits = limits
        self._journal = journal
        self._interruption = interruption
        self._disk = disk
        self.minimum_free = minimum_free
        self._began = time.monotonic()
        self._looked_at = 0.0

    def reason(self) -> str:
        """Gives the reason to end the build now, "" to go on."""
        now = time.monotonic()
        if self._interruption.reason:
            return self._interruption.reason
        reached = {
            Stopped.LEASE_LOST: now > self._interruption.expires_at,
            Stopped.LOG_LIMIT: self._journal.is_over_limit,
            Stopped.TIME_LIMIT: now - self._began > self._limits.wall_seconds,
            Stopped.SILENCE_LIMIT: now - self._journal.spoke_at > self._limits.silence_seconds,
            Stopped.DISK_FULL: self._is_disk_full(now),
        }
        return next((reason for reason, is_reached in reached.items() if is_reached), "")

    def _is_disk_full(self, now: float) -> bool:
        if now - self._looked_at < _DISK_SECONDS:
            return False
        self._looked_at = now
        return free_bytes(self._disk) < self.minimum_free

    def check(self) -> None:
        """Raises `BuildStopped` when there is a reason to."""
        if reason := self.reason():
            raise BuildStopped(Stopped(reason))

    def sentence(self, reason: Stopped) -> str:
        """Says for people which limit was reached."""
        return {
            Stopped.CANCELLED: "The build was cancelled",
            Stopped.LEASE_LOST: "The builder lost its lease",
            Stopped.TIME_LIMIT: f"The build took longer than the {self._limits.wall_seconds:,} s allowed",
            Stopped.SILENCE_LIMIT: f"The build said nothing for {self._limits.silence_seconds:,} s",
            Stopped.LOG_LIMIT: f"The log grew beyond the {self._limits.log_bytes:,} bytes allowed",
            Stopped.DISK_FULL: f"Less than {self.minimum_free:,} bytes were left on the builder's disk",
        }[reason]


def free_bytes(path: Path) -> int:
    """Gives what an ordinary user may still write on the file system of `path`, in bytes."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize
