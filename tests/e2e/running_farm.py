"""A whole farm as its own processes: ports of its own, a state directory of its own, and nothing left afterwards."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

START_SECONDS = 120.0
ROOT = Path(__file__).resolve().parent.parent.parent
MANAGE = str(ROOT / "manage.py")
STARTED = re.compile(r"^\s*(\S+) \| started as process (\d+)$")


def free_ports(count: int) -> list[int]:
    """Finds loopback ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def farm_environment(state_dir: Path, **settings: str) -> dict[str, str]:
    """Gives the environment of a farm of its own."""
    web, live, builder, valkey = free_ports(4)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SERPENT_")}
    return inherited | {
        "SERPENT_STATE_DIR": str(state_dir),
        "SERPENT_WEB_BIND": f"127.0.0.1:{web}",
        "SERPENT_LIVE_BIND": f"127.0.0.1:{live}",
        "SERPENT_BUILDER_BIND": f"127.0.0.1:{builder}",
        "SERPENT_VALKEY_PORT": str(valkey),
        "SERPENT_SWEEP_SECONDS": "1",
        **settings,
    }


class RunningFarm:
    """A management command that supervises a farm, with what it printed."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.environment = environment
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, MANAGE, *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        if self.process.stdout is not None:
            with self.process.stdout as output:
                for line in output:
                    self.lines.append(line.rstrip("\n"))

    @property
    def hub_url(self) -> str:
        return f"http://{self.environment['SERPENT_WEB_BIND']}"

    @property
    def state_dir(self) -> Path:
        return Path(self.environment["SERPENT_STATE_DIR"])

    def transcript(self) -> str:
        return "\n".join(self.lines)

    def latest_pid(self, name: str) -> int | None:
        """Gives the process that was started last under a name."""
        for line in reversed(self.lines):
            found = STARTED.match(line)
            if found and found.group(1) == name:
                return int(found.group(2))
        return None

    def manage(self, *arguments: str, timeout: float = 120) -> str:
        """Runs a management command of the farm's hub and gives what it printed."""
        outcome = subprocess.run(
            [sys.executable, MANAGE, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert outcome.returncode == 0, outcome.stderr
        return outcome.stdout

    def wait_until(self, holds: Callable[[], bool], *, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if holds():
                return
            assert self.process.poll() is None, self.transcript()
            time.sleep(0.2)
        raise AssertionError(f"{what} did not come to pass in {seconds:g} s\n{self.transcript()}")

    def wait_until_up(self) -> None:
        """Waits until the hub answers."""
        self.wait_until(self._answers, seconds=START_SECONDS, what="an answering hub")

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.hub_url}/health/", timeout=2).ok
        except requests.RequestException:
            return False

    def wait(self, *, seconds: float) -> int:
        """Waits for the command's own end and gives its status."""
        try:
            status = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end after {seconds:g} s\n{self.transcript()}") from None
        self._reader.join(timeout=5)
        return status

    def stop(self) -> None:
        """Asks the farm to stop, as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=40)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(timeout=5)

    def leftovers(self) -> list[str]:
        """Lists processes and mounts that still belong to the farm, by its state directory."""
        return processes_of(self.state_dir) + mounts_below(self.state_dir)


def processes_of(state_dir: Path) -> list[str]:
    """Lists processes whose environment or command names a state directory."""
    needle = str(state_dir).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if b"pytest" not in command and (needle in command or needle in (entry / "environ").read_bytes()):
                found.append(f"{entry.name}: {command.replace(bytes(1), b' ').decode(errors='replace')}")
    return found


def mounts_below(state_dir: Path) -> list[str]:
    """Lists mount points below a state directory."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{state_dir}/")]


@contextlib.contextmanager
def running_farm(command: list[str], environment: dict[str, str]) -> Iterator[RunningFarm]:
    """Runs a farm for the length of a block, and demands that nothing of it is left."""
    farm = RunningFarm(command, environment)
    try:
        yield farm
    finally:
        farm.stop()
    deadline = time.monotonic() + 5
    while farm.leftovers() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert farm.leftovers() == [], farm.transcript()
