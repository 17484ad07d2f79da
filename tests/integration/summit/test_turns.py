"""Bells for a dispatch: one runs at a time, one that rings meanwhile means one more run, and none is lost."""

import fcntl
import itertools
import multiprocessing
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from pytest_django import Settings

from summit import turns


@pytest.fixture(autouse=True)
def place(settings: Settings, tmp_path: Path) -> Path:
    settings.SERPENT_STATE_DIR = tmp_path / "state"
    return tmp_path / "state"


def test_a_bell_means_a_run() -> None:
    runs: list[int] = []
    assert turns.take_turns(lambda: runs.append(1))
    assert turns.take_turns(lambda: runs.append(2))
    assert runs == [1, 2]


def test_bells_that_ring_during_a_run_mean_one_more_by_its_runner() -> None:
    begun, go_on = threading.Event(), threading.Event()
    runs: list[str] = []

    def run() -> None:
        runs.append(threading.current_thread().name)
        begun.set()
        assert go_on.wait(10)

    runner = threading.Thread(target=turns.take_turns, args=(run,), name="runner")
    runner.start()
    assert begun.wait(10)
    for _ in range(5):  # none of these waits
        assert turns.take_turns(lambda: runs.append("somebody else"))
    go_on.set()
    runner.join()
    assert runs == ["runner", "runner"]


def test_a_run_that_fails_lets_the_next_bell_run() -> None:
    def fail() -> None:
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        turns.take_turns(fail)
    runs: list[int] = []
    turns.take_turns(lambda: runs.append(1))
    assert runs == [1]


def test_who_ran_often_leaves_the_wish_to_others() -> None:
    runs: list[int] = []

    def run() -> None:
        runs.append(1)
        turns.take_turns(lambda: None)  # rings again, as a fleet of quick builds does

    assert not turns.take_turns(run)
    assert len(runs) == turns.MOST_IN_A_ROW
    left: list[int] = []
    assert turns.take_turns(lambda: left.append(1))
    assert left == [1]


def test_a_killed_runner_holds_up_nobody(place: Path) -> None:
    context = multiprocessing.get_context("fork")
    begun = context.Event()
    killed = context.Process(target=_hold, args=(place, begun))
    killed.start()
    assert begun.wait(10)
    runs: list[int] = []
    assert turns.take_turns(lambda: runs.append(1))
    assert runs == []  # the other has it, and would run once more
    killed.kill()
    killed.join()
    assert turns.take_turns(lambda: runs.append(1))
    assert runs == [1]


def _hold(place: Path, begun: Event) -> None:
    place.mkdir(parents=True, exist_ok=True)
    with (place / "dispatch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begun.set()
        time.sleep(60)


def test_no_bell_of_many_threads_is_lost() -> None:
    """Whatever was done before a bell rang is seen by a run that begins after it."""
    done = itertools.count(1)
    latest = 0
    seen: list[int] = []

    def look() -> None:
        seen.append(latest)

    def work() -> None:
        nonlocal latest
        for _ in range(50):
            latest = max(latest, next(done))
            while not turns.take_turns(look):
                pass  # the wish is left: as a bell that rings again

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[-1] == latest
    assert len(seen) <= 400
