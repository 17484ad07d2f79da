"""The table of transitions, read as a graph."""

from summit.states import CLOSED, IN_PROGRESS, OPEN, RETRYABLE, SOURCES, WAITING, TaskStatus


def test_every_status_has_its_row_and_belongs_to_one_set() -> None:
    assert set(SOURCES) == set(TaskStatus)
    assert not WAITING & IN_PROGRESS
    assert set(TaskStatus) == OPEN | CLOSED
    assert not OPEN & CLOSED


def test_a_closed_task_opens_by_a_retry_only() -> None:
    for target, sources in SOURCES.items():
        if target in OPEN:
            assert sources & CLOSED == (RETRYABLE if target == TaskStatus.QUEUED else frozenset())
        else:
            assert not sources & CLOSED


def test_every_open_task_can_come_to_an_end() -> None:
    reached = set(CLOSED)
    while True:
        more = {source for target in reached for source in SOURCES[target]} | reached
        if more == reached:
            break
        reached = more
    assert reached == set(TaskStatus)


def test_what_is_being_published_can_no_longer_be_cancelled() -> None:
    assert TaskStatus.PUBLISHING not in SOURCES[TaskStatus.CANCELLED]
    assert SOURCES[TaskStatus.COMPLETED] == {TaskStatus.PUBLISHING}
