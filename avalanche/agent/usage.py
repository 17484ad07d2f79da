"""What one attempt takes of its builder at most: the memory of its commands, and the disk of its workspace.

Neither is exact: memory is told by each command of the sandbox, disk is looked at so seldom that it costs at most a
twentieth of a processor, and once at the end. Caches that outlive the attempt (upstreams, layers) are not its own.
"""

import logging
import subprocess
import threading
import time
from pathlib import Path

from avalanche.agent.sandbox.memory import MemoryUse
from avalanche.agent.sandbox.protocol import BuildRoot, Command, Ending, Output, Sandbox, Stop, never

logger = logging.getLogger(__name__)

SHORTEST_PAUSE = 1.0  # seconds between two looks at the disk
_SHARE = 20  # a look that takes a second is followed by twenty without
_PATIENCE = 60.0  # seconds for one look
_LAST_PATIENCE = 5.0  # for the last, which the report waits for


class Measured:
    """A sandbox that remembers which of its commands held the most memory; `memory` is None before the first."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.memory: MemoryUse | None = None

    @property
    def isolation(self) -> str:
        """That of the sandbox."""
        return self._sandbox.isolation

    def run(self, root: BuildRoot, command: Command, *, on_output: Output, stop: Stop = never) -> Ending:
        """Runs one command, see `Sandbox.run`."""
        ending = self._sandbox.run(root, command, on_output=on_output, stop=stop)
        if ending.memory is not None and (self.memory is None or ending.memory.peak > self.memory.peak):
            self.memory = ending.memory
        return ending


class DiskGauge:
    """A thread that looks how much a directory takes; `peak` is the most it saw, in bytes, None before it saw any."""

    def __init__(self, directory: Path, *, pause: float = SHORTEST_PAUSE) -> None:
        """Waits for `pause` seconds at least between two looks."""
        self._directory = directory
        self._pause = pause
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        self._lock = threading.Lock()
        self.peak: int | None = None

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def finish(self) -> int | None:
        """Ends, looks a last time, and gives the most that was seen."""
        self._ending.set()
        self._look(patience=_LAST_PATIENCE)
        return self.peak

    def _run(self) -> None:
        pause = self._pause
        while not self._ending.wait(pause):
            began = time.monotonic()
            self._look(patience=_PATIENCE)
            pause = max(self._pause, _SHARE * (time.monotonic() - began))

    def _look(self, *, patience: float) -> None:
        found = taken(self._directory, patience=patience)
        if found is not None:
            with self._lock:
                self.peak = max(self.peak or 0, found)


def taken(directory: Path, *, patience: float) -> int | None:
    """Sums up the blocks that a tree takes, in bytes, a file of several names once; None where that took too long.

    By `du`, because a tree that a build wrote may be as deep as it likes, and changes while it is read.
    """
    look = ["du", "--summarize", "--one-file-system", "--block-size=1", "--", str(directory)]
    try:
        found = subprocess.run(look, check=False, capture_output=True, text=True, timeout=patience)
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("What %s takes could not be measured: %s", directory, error)
        return None
    size = found.stdout.partition("\t")[0]
    return int(size) if size.isdecimal() else None
