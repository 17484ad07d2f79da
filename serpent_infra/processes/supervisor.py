"""Keeps processes running: starts again what ends, prefixes what they print, stops all of them together.

It is the embedded installation's substitute for systemd, no more: one process that dies is started again after a
short back-off, and when the supervisor itself dies, the kernel ends its children (parent-death signal).
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO

from serpent_infra.processes.specification import ProcessSpec

POLL_SECONDS = 0.2
FIRST_BACK_OFF = 0.5
LONGEST_BACK_OFF = 15.0
STABLE_SECONDS = 30.0  # a process that ran this long starts again at once

Emit = Callable[[str, str], None]


def print_prefixed(name: str, line: str) -> None:
    """Writes one line of a process to standard output behind the process's name."""
    sys.stdout.write(f"{name:>12} | {line}\n")
    sys.stdout.flush()


class _Child:
    """One specification and, while it runs, its process."""

    def __init__(self, spec: ProcessSpec, emit: Emit) -> None:
        self.spec = spec
        self.emit = emit
        self.process: subprocess.Popen[str] | None = None
        self.started_at = 0.0
        self.start_after = 0.0
        self.back_off = FIRST_BACK_OFF

    def start(self) -> None:
        # The parent-death signal belongs to the thread that forks: only the supervisor's own thread starts children.
        signal_name = self.spec.stop_signal.name.removeprefix("SIG")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", signal_name, *self.spec.argv],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.spec.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.started_at = time.monotonic()
        self.emit(self.spec.name, f"started as process {self.process.pid}")
        if self.process.stdout is not None:
            threading.Thread(target=self._relay, args=(self.process.stdout,), daemon=True).start()

    def _relay(self, stream: IO[str]) -> None:
        # A stream that closes under the reader has nothing more to say.
        with contextlib.suppress(ValueError), stream:
            for line in stream:
                self.emit(self.spec.name, line.rstrip("\n"))

    def check(self) -> None:
        """Starts the process when it is due, and plans the next start when it has ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.start_after:
                self.start()
            return
        status = self.process.poll()
        if status is None:
            return
        if now - self.started_at > STABLE_SECONDS:
            self.back_off = FIRST_BACK_OFF
        self.emit(self.spec.name, f"ended with status {status}; starts again in {self.back_off:g} s")
        self.signal_group(signal.SIGKILL)
        self.process = None
        self.start_after = now + self.back_off
        self.back_off = min(self.back_off * 2, LONGEST_BACK_OFF)

    def signal_group(self, number: signal.Signals) -> None:
        """Signals the process and what it left in its group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Runs processes until told to stop; not thread-safe but for `stop`, which any thread may call."""

    def __init__(self, emit: Emit = print_prefixed) -> None:
        self._emit = emit
        self._children: list[_Child] = []
        self._stopping = threading.Event()

    def add(self, spec: ProcessSpec) -> None:
        """Takes a process in and starts it."""
        child = _Child(spec, self._emit)
        self._children.append(child)
        child.start()

    def pids(self) -> dict[str, int]:
        """Gives the process id of every running process by name."""
        return {child.spec.name: child.process.pid for child in self._children if child.process and child.is_running()}

    def wait(self, until: Callable[[], bool], *, seconds: float) -> bool:
        """Keeps the processes running until a condition holds; False when time or the supervisor ran out first."""
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and time.monotonic() < deadline:
            if until():
                return True
            self._turn()
        return False

    def run(self) -> None:
        """Keeps the processes running until `stop` is called."""
        while not self._stopping.is_set():
            self._turn()

    def stop(self) -> None:
        """Asks `run` and `wait` to return."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Says whether `stop` was called."""
        return self._stopping.is_set()

    def _turn(self) -> None:
        for child in self._children:
            child.check()
        self._stopping.wait(POLL_SECONDS)

    def close(self) -> None:
        """Ends all processes, those started later first, and kills what does not go in its time."""
        self._stopping.set()
        for child in reversed(self._children):
            if child.is_running():
                child.signal_group(child.spec.stop_signal)
        for child in reversed(self._children):
            deadline = time.monotonic() + child.spec.stop_seconds
            while child.is_running() and time.monotonic() < deadline:
                time.sleep(0.05)
            child.signal_group(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()
