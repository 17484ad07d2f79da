"""The log of an attempt and the limits that watch it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from avalanche.agent.journal import Journal
from avalanche.agent.limits import FAILURES, BuildStopped, Interruption, Stopped, Watch
from serpent_infra.wire.orders import Limits


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "log", limit=1000)
    yield opened
    opened.close()


def watching(journal: Journal, interruption: Interruption | None = None, **limits: int) -> Watch:
    return Watch(
        limits=Limits(**limits),
        journal=journal,
        interruption=interruption or Interruption(),
        disk=journal.path.parent,
        minimum_free=0,
    )


def test_a_phase_begins_at_its_heading(journal: Journal) -> None:
    journal.write(b"before\n")
    with journal.during("build"):
        journal.write(b"output\n")
        assert journal.phase == "build"

    (phase,) = journal.phases
    assert (phase.name, phase.log_offset) == ("build", 7)
    assert journal.since_phase(at_most=100) == "==> build\noutput\n"
    assert journal.since_phase(at_most=7) == "output\n"


def test_a_phase_that_raises_is_timed_too(journal: Journal) -> None:
    with pytest.raises(KeyError), journal.during("check"):
        raise KeyError

    assert [phase.name for phase in journal.phases] == ["check"]


def test_output_beyond_the_limit_is_dropped_but_our_own_last_words_are_not(journal: Journal) -> None:
    journal.write(b"x" * 600)
    journal.write(b"y" * 600)
    journal.write(b"z" * 600)
    journal.say("==> failed")

    assert journal.is_over_limit
    assert journal.path.read_bytes() == b"x" * 600 + b"y" * 400 + b"==> failed\n"
    assert journal.size == 1011


def test_nothing_stops_a_build_within_its_limits(journal: Journal) -> None:
    watching(journal).check()


def test_the_first_reason_to_interrupt_stays(journal: Journal) -> None:
    interruption = Interruption()
    interruption.set(Stopped.CANCELLED)
    interruption.set(Stopped.LEASE_LOST)

    with pytest.raises(BuildStopped) as caught:
        watching(journal, interruption).check()

    assert caught.value.reason is Stopped.CANCELLED


def test_a_lease_that_nobody_renews_is_lost(journal: Journal) -> None:
    interruption = Interruption()
    interruption.expires_at = time.monotonic() - 0.001

    assert watching(journal, interruption).reason() == Stopped.LEASE_LOST


def test_a_silent_build_is_stopped_and_one_that_speaks_is_not(journal: Journal) -> None:
    watch = watching(journal, silence_seconds=1)
    journal.spoke_at -= 2
    assert watch.reason() == Stopped.SILENCE_LIMIT

    journal.write(b"here\n")
    assert watch.reason() == ""


def test_every_reason_has_a_sentence_and_those_that_fail_a_build_a_kind(journal: Journal) -> None:
    watch = watching(journal)

    assert all(watch.sentence(reason) for reason in Stopped)
    assert set(Stopped) - FAILURES.keys() == {Stopped.CANCELLED, Stopped.LEASE_LOST}
