"""The table of transitions is complete and closed states are final."""

from avalanche.states import CLOSED, OPEN, SOURCES, AttemptState


def test_every_state_but_the_first_can_be_reached() -> None:
    assert set(SOURCES) == set(AttemptState) - {AttemptState.OFFERED}


def test_no_path_leaves_a_closed_state() -> None:
    assert all(not sources & CLOSED for sources in SOURCES.values())


def test_every_state_is_open_or_closed() -> None:
    assert set(AttemptState) == OPEN | CLOSED
    assert not OPEN & CLOSED
