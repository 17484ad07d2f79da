"""Keeps the lease of one attempt: renews it every ten seconds, and ends the build when it is cancelled or lost."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from avalanche.agent.hub import HubRefused, HubUnreachable
from avalanche.agent.limits import Interruption, Stopped
from serpent_infra.wire.orders import RenewAnswer

logger = logging.getLogger(__name__)

RENEW_SECONDS = 10.0
_RETRY_SECONDS = 2.0
_GONE = frozenset({404, 409})


class Renewing(Protocol):
    """The part of the hub that a lease needs."""

    def renew(self, *, attempt: UUID, epoch: int, phase: str, patience: float = 0) -> RenewAnswer:
        """Prolongs the lease; raises `HubRefused` and `HubUnreachable`."""


class LeaseKeeper:
    """A thread that renews; `interruption` carries what it learns to the build."""

    def __init__(
        self,
        hub: Renewing,
        *,
        attempt: UUID,
        epoch: int,
        lease_seconds: float,
        phase: Callable[[], str],
        interruption: Interruption,
        every_seconds: float = RENEW_SECONDS,
    ) -> None:
        """Counts the lease from now on."""
        self._hub = hub
        self._attempt = attempt
        self._epoch = epoch
        self._lease_seconds = lease_seconds
        self._phase = phase
        self._interruption = interruption
        self._every_seconds = every_seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        # Should the hub hang instead of answering, the build ends all the same.
        interruption.expires_at = time.monotonic() + lease_seconds

    def start(self) -> None:
        """Begins to renew."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; a renewal under way is not waited for."""
        self._ending.set()

    def _run(self) -> None:
        pause = self._every_seconds
        while not self._ending.wait(pause):
            pause = self._every_seconds if self._renew() else min(_RETRY_SECONDS, self._every_seconds)

    def _renew(self) -> bool:
        asked_at = time.monotonic()
        try:
            answer = self._hub.renew(attempt=self._attempt, epoch=self._epoch, phase=self._phase())
        except HubRefused as refusal:
            if refusal.status in _GONE:
                logger.warning("The lease of attempt %s is gone: %s", self._attempt, refusal)
                self._interruption.set(Stopped.LEASE_LOST)
                self._ending.set()
            return False
        except HubUnreachable as error:
            logger.warning("The lease of attempt %s could not be renewed: %s", self._attempt, error)
            return False
        self._interruption.expires_at = asked_at + self._lease_seconds
        if answer.cancel:
            self._interruption.set(Stopped.CANCELLED)
        return True
