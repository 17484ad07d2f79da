"""The supervisor on real processes: prefixes, restarts, and nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serpent_infra.processes.specification import ProcessSpec
from serpent_infra.processes.supervisor import Supervisor

SLEEPER = "import time; print('ready', flush=True); time.sleep(60)"


class Transcript:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def count(self, name: str, line: str) -> int:
        return self.lines.count((name, line))


@pytest.fixture
def transcript() -> Transcript:
    return Transcript()


@pytest.fixture
def supervisor(transcript: Transcript) -> Iterator[Supervisor]:
    supervisor = Supervisor(emit=transcript)
    yield supervisor
    supervisor.close()


def python(name: str, code: str) -> ProcessSpec:
    return ProcessSpec(name=name, argv=[sys.executable, "-c", code], stop_seconds=2)


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_lines_carry_the_name_of_their_process(supervisor: Supervisor, transcript: Transcript) -> None:
    supervisor.add(python("one", SLEEPER))
    assert supervisor.wait(lambda: transcript.count("one", "ready") == 1, seconds=10)


def test_a_killed_process_starts_again(supervisor: Supervisor, transcript: Transcript) -> None:
    supervisor.add(python("one", SLEEPER))
    assert supervisor.wait(lambda: transcript.count("one", "ready") == 1, seconds=10)
    os.kill(supervisor.pids()["one"], signal.SIGKILL)
    assert supervisor.wait(lambda: transcript.count("one", "ready") == 2, seconds=10)


def test_closing_ends_everything_even_what_ignores_the_signal(supervisor: Supervisor, transcript: Transcript) -> None:
    stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
    supervisor.add(python("meek", SLEEPER))
    supervisor.add(python("stubborn", stubborn))
    assert supervisor.wait(lambda: [line for _, line in transcript.lines].count("ready") == 2, seconds=10)
    pids = supervisor.pids()
    supervisor.close()
    assert [name for name, pid in pids.items() if is_alive(pid)] == []


def test_children_die_with_a_killed_supervisor() -> None:
    program = (
        "import sys\n"
        "from serpent_infra.processes.specification import ProcessSpec\n"
        "from serpent_infra.processes.supervisor import Supervisor\n"
        "supervisor = Supervisor()\n"
        f"supervisor.add(ProcessSpec(name='child', argv=[sys.executable, '-c', {SLEEPER!r}]))\n"
        "supervisor.run()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline().rpartition(" ")[2])
        assert "ready" in parent.stdout.readline()
        parent.kill()
    deadline = time.monotonic() + 5
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)
