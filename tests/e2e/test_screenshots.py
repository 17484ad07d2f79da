"""The tool that takes pictures ends its server whatever that one does."""

import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.screenshots import end

# Deaf to the request to end, with a worker that is deaf as well.
DEAF = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = os.fork()
if worker:
    print(worker, flush=True)
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_server_that_will_not_end_is_ended_with_its_workers() -> None:
    server = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True)
    assert server.stdout is not None
    with server.stdout as output:
        worker = int(output.readline())
        assert is_running(worker)
        began = time.monotonic()
        end(server, grace=0.2)
    assert time.monotonic() - began < 5
    assert server.returncode == -9
    deadline = time.monotonic() + 5
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(worker)


def test_a_server_that_ends_when_asked_is_not_waited_for_longer() -> None:
    server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    began = time.monotonic()
    end(server, grace=30.0)
    assert time.monotonic() - began < 10
    assert server.returncode == -15
