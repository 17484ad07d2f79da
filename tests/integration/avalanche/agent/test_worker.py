"""A real Celery worker of a slot that is ended while it builds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avalanche.agent.sandbox.cgroups import Group
from tests.integration.avalanche.agent.bench import gone_within, groups_left, make_sandbox

pytestmark = pytest.mark.nspawn
PROJECT = Path(__file__).resolve().parents[4]

_WORKER = """
import os, sys, threading
from pathlib import Path
import django
django.setup()
from celery import Celery
from avalanche.agent.tasks import _ending_on_signals
from tests.integration.avalanche.agent.bench import Bench
from avalanche.agent.sandbox.nspawn import Nspawn
group, place, recipe = sys.argv[1:]
app = Celery(broker="memory://", set_as_current=True)
app.conf.update(worker_hijack_root_logger=False, worker_redirect_stdouts=False)
bench = Bench(directory=Path(place), sandbox=Nspawn(group=group))
job = bench.job(Path(recipe))
job.journal._append_really = job.journal._append
def shown(chunk):
    job.journal._append_really(chunk)
    if b"asleep" in chunk:
        print("asleep", flush=True)
job.journal._append = shown

@app.task(name="build")
def build():
    with _ending_on_signals():
        bench.build(job)

build.delay()
app.worker_main(["worker", "-P", "solo", "-c", "1", "-l", "ERROR", "--without-gossip", "--without-mingle"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_a_worker_that_is_ended_takes_its_build_along_at_once(
    number: signal.Signals, group: str, tmp_path: Path
) -> None:
    make_sandbox("nspawn", group)
    mark = f"800.{os.getpid()}{time.monotonic_ns() % 10**9}"
    recipe = tmp_path / "recipe"
    recipe.mkdir()
    (recipe / "stone.yaml").write_text(
        "name: sleeper\nversion: '1'\nrelease: 1\nhomepage: https://example.org\nlicense: MPL-2.0\n"
        f"install: |\n    trap '' TERM\n    echo asleep\n    sleep {mark}\n"
    )
    arguments = [sys.executable, "-W", "ignore", "-c", _WORKER, group, str(tmp_path / "place"), str(recipe)]
    environment = {**os.environ, "SERPENT_ROLE": "builder", "DJANGO_SETTINGS_MODULE": "serpent_infra.settings"}
    with subprocess.Popen(arguments, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        try:
            assert worker.stdout is not None
            assert any("asleep" in line for line in worker.stdout)
            worker.send_signal(number)
            worker.wait(timeout=3)
        finally:
            worker.kill()

    assert gone_within(mark, seconds=2)
    if number is signal.SIGKILL:
        Group.of(group).remove()  # as the next worker of the slot does
    assert groups_left(group) == []
