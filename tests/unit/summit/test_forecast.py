"""What a forecast promises for any queue: nothing starts in the past, before its needs, or later for one more slot."""

from dataclasses import replace
from math import isclose
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summit.forecast import Forecast, Moment, Work, forecast, remaining

NEVER_EARLIER = 1e-6  # of the sums of floating-point numbers


def work(key: int, seconds: float = 60.0, **facts: object) -> Work:
    values: dict[str, object] = {"key": key, "seconds": seconds, "spread": 0.0, "rank": (key,)}
    return Work(**(values | facts))  # type: ignore[arg-type]


@st.composite
def queues(draw: st.DrawFn) -> list[Work]:
    number = draw(st.integers(1, 14))
    slots = draw(st.integers(1, 6))
    return [
        Work(
            key=key,
            seconds=draw(st.floats(0.1, 5000)),
            spread=draw(st.sampled_from([0.0, 0.3, 1.0])),
            needs=tuple(sorted(draw(st.sets(st.integers(0, key - 1), max_size=3)))) if key else (),
            pool=draw(st.sampled_from(["a", "b"])),
            slots=slots,
            rank=(draw(st.integers(-3, 3)),),
            rests_for=draw(st.sampled_from([0.0, 0.0, 50.0])),
            running_for=draw(st.sampled_from([None, None, None, 0.0, 10.0, 9000.0])),
        )
        for key in range(number)
    ]


def no_later(one: Moment, other: Moment) -> bool:
    return one.likely <= other.likely + NEVER_EARLIER and one.late <= other.late + NEVER_EARLIER


@given(queues(), st.sampled_from([0.0, 30.0]))
def test_a_build_starts_now_at_the_earliest_and_finishes_after_it_starts(queue: list[Work], publishing: float) -> None:
    found = forecast(queue, publishing=publishing)
    assert found.keys() == {one.key for one in queue}
    for one in found.values():
        assert 0 <= one.start.likely <= one.start.late + NEVER_EARLIER
        assert no_later(one.start, one.finish)
        assert one.finish.likely <= one.finish.late
        assert one.finish.likely >= one.start.likely + publishing


@given(queues())
def test_what_waits_starts_after_what_it_waits_for_has_finished(queue: list[Work]) -> None:
    found = forecast(queue)
    for one in queue:
        for need in one.needs:
            if one.running_for is None:
                assert no_later(found[need].finish, found[one.key].start)


@given(queues(), st.integers(1, 4))
def test_more_slots_make_nothing_later(queue: list[Work], more: int) -> None:
    before = forecast(queue)
    after = forecast([replace(one, slots=one.slots + more) for one in queue])
    for key, one in after.items():
        assert no_later(one.start, before[key].start)
        assert no_later(one.finish, before[key].finish)


@given(queues())
def test_whoever_goes_first_in_line_is_never_made_later_by_who_comes_after(queue: list[Work]) -> None:
    last = Work(key=99, seconds=100.0, spread=0.5, pool="a", slots=queue[0].slots, rank=(100,))
    with_it = forecast([*queue, last])
    for key, one in forecast(queue).items():
        assert no_later(with_it[key].start, one.start)
        assert no_later(with_it[key].finish, one.finish)


def test_one_slot_does_one_after_the_other() -> None:
    found = forecast([work(1), work(2), work(3)])
    assert [found[key].start.likely for key in (1, 2, 3)] == [0, 60, 120]
    assert found[3].finish == Moment(180, 180)


def test_a_free_slot_is_taken_at_once_however_much_runs_elsewhere() -> None:
    found = forecast([work(1, 9000, slots=2, running_for=1.0), work(2, slots=2)])
    assert found[2].start == Moment(0, 0)


def test_work_that_cannot_begin_yet_holds_up_nobody() -> None:
    chain = [work(1, 600, slots=2), work(2, 600, slots=2, needs=(1,), rank=(0,))]
    found = forecast([*chain, work(3, slots=2, rank=(9,))])
    assert found[3].start == Moment(0, 0)
    assert found[2].start.likely == 600


def test_what_rests_starts_when_its_rest_is_over_and_lets_others_go_first() -> None:
    found = forecast([work(1, rests_for=30), work(2)])
    assert (found[1].start.likely, found[2].start.likely) == (30, 0)


def test_pools_do_not_wait_for_each_other() -> None:
    found = forecast([work(1, 9000, pool="arm"), work(2, pool="x86")])
    assert found[2].start == Moment(0, 0)


def test_there_is_no_telling_without_a_slot_nor_for_whoever_waits_for_such() -> None:
    assert forecast([work(1, slots=0), work(2, needs=(1,)), work(3, needs=(77,))]) == {}
    assert forecast([work(1, needs=(2,)), work(2, needs=(1,))]) == {}, "a cycle"


def test_what_is_built_waits_for_its_publication_only() -> None:
    found = forecast([work(1, 600, is_built=True), work(2, needs=(1,))], publishing=5)
    assert found[1] == Forecast(Moment(0, 0), Moment(5, 5))
    assert found[2].start == Moment(5, 5)


def test_the_range_covers_nine_of_ten() -> None:
    likely, excess = remaining(work(1, 100, spread=0.5))
    rolls = Random(1)  # noqa: S311 - a test repeats
    times = [rolls.lognormvariate(0, 0.5) * 100 for _ in range(20_000)]
    assert isclose(sum(time <= likely for time in times) / len(times), 0.5, abs_tol=0.02)
    assert isclose(sum(time <= likely + excess for time in times) / len(times), 0.9, abs_tol=0.02)


@pytest.mark.parametrize("elapsed", [30.0, 100.0, 300.0])
def test_what_has_run_for_a_while_is_judged_by_those_that_took_as_long(elapsed: float) -> None:
    likely, excess = remaining(work(1, 100, spread=0.5, running_for=elapsed))
    rolls = Random(2)  # noqa: S311 - a test repeats
    left = [time - elapsed for _ in range(30_000) if (time := rolls.lognormvariate(0, 0.5) * 100) > elapsed]
    assert isclose(sum(time <= likely for time in left) / len(left), 0.5, abs_tol=0.06)
    assert isclose(sum(time <= likely + excess for time in left) / len(left), 0.9, abs_tol=0.06)
    assert likely > 0


def test_a_long_queue_of_uncertain_builds_is_forecast_better_than_one_of_them() -> None:
    queue = [work(key, 100, spread=0.8, slots=4) for key in range(200)]
    last = forecast(queue)[199]
    assert last.start.late / last.start.likely < 1.2
    first = forecast(queue)[0]
    assert first.finish.late / first.finish.likely > 2
