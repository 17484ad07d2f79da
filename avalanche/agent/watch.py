"""The agent beside the slots' workers: measures the machine, tells the hub, and drops what the hub wants no more."""

import logging
import threading
import time
from pathlib import Path

from avalanche.agent import artefacts
from avalanche.agent.hub import HubClient, HubRefused, HubUnreachable
from avalanche.agent.sampler import Sampler
from serpent_infra.wire.builders import Hello, HostInfo, SlotInfo

logger = logging.getLogger(__name__)

DROP_SECONDS = 30.0


class Agent:
    """Runs until told to stop; a hub that is away or refuses is logged and asked again."""

    def __init__(self, *, hub: HubClient, directory: Path, host: HostInfo, slots: tuple[SlotInfo, ...]) -> None:
        self._hub = hub
        self._directory = directory
        self._hello = Hello(host=host, slots=slots)
        self._sampler = Sampler(directory=directory)
        self._stopping = threading.Event()
        self._greeted = False
        self._dropped_at = float("-inf")

    def stop(self) -> None:
        """Asks `run` to return."""
        self._stopping.set()

    def run(self, *, every_seconds: float) -> None:
        """Greets the hub, then measures and cleans up at this interval."""
        while not self._stopping.is_set():
            self.turn()
            self._stopping.wait(every_seconds)

    def turn(self) -> None:
        """Does once what is due."""
        try:
            if not self._greeted:
                self._hub.hello(self._hello, patience=0)
                self._greeted = True
            self._hub.send_sample(self._sampler.sample())
            if time.monotonic() - self._dropped_at >= DROP_SECONDS:
                self.drop_released()
                self._dropped_at = time.monotonic()
        except HubUnreachable as error:
            logger.warning("The hub is away: %s", error)
        except HubRefused as refusal:
            logger.error("The hub refuses: %s", refusal)  # noqa: TRY400 - the sentence says all

    def drop_released(self) -> None:
        """Deletes the artefacts that the hub has no more use for, and says so."""
        for attempt in self._hub.droppable():
            artefacts.drop(self._directory, attempt)
            self._hub.dropped(attempt=attempt)
