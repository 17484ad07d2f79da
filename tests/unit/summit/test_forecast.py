"""What a forecast promises for any queue: it is a run of production's scheduler, and its range covers nine of ten."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import isclose
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from summit.forecast import Forecast, Moment, Work, forecast, remaining
from summit.scheduler import Fleet, Ready, Share, Slot, may_meet, pair
from tests.factories.summit import AT

NEVER_EARLIER = 1e-6  # of the sums of floating-point numbers
GIB = 2**30


def slots(count: int, builder: str = "b", **facts: object) -> list[Slot]:
    values: dict[str, object] = {"architecture": "x86_64", "isa_levels": frozenset(), "is_official": True}
    return [Slot(builder=builder, index=index, **(values | facts)) for index in range(count)]  # type: ignore[arg-type]


def ready(key: int, **facts: object) -> Ready:
    """A build that is the more urgent the smaller its key."""
    values: dict[str, object] = {
        "architecture": "x86_64",
        "isa_level": "",
        "is_official": True,
        "priority": 0.0,
        "ready_since": AT + timedelta(seconds=key),
    }
    return Ready(key=key, **(values | facts))  # type: ignore[arg-type]


def work(key: int, seconds: float = 60.0, *, of: Ready | None = None, **facts: object) -> Work:
    return Work(**({"ready": of or ready(key), "seconds": seconds, "spread": 0.0} | facts))  # type: ignore[arg-type]


FLEET = [
    *slots(2, "a", memory_limit=4 * GIB, disk_free=9 * GIB),
    *slots(1, "b", memory_limit=16 * GIB),
    *slots(1, "c", architecture="aarch64"),
]


@st.composite
def queues(draw: st.DrawFn) -> list[Work]:
    number = draw(st.integers(1, 14))
    free = [("a", 0), ("a", 1), ("b", 0)]
    found = []
    for key in range(number):
        running_for = draw(st.sampled_from([None, None, None, 0.0, 10.0, 9000.0])) if free else None
        found.append(
            Work(
                ready=ready(
                    key,
                    architecture=draw(st.sampled_from(["x86_64", "x86_64", "aarch64"]))
                    if running_for is None
                    else "x86_64",
                    share=draw(st.sampled_from(["one", "two"])),
                    is_security=draw(st.booleans()),
                    is_expedited=draw(st.sampled_from([False, False, True])),
                    memory=draw(st.sampled_from([0, 0, 2, 8])) * GIB,
                    disk=draw(st.sampled_from([0, 0, 2, 6])) * GIB,
                ),
                seconds=draw(st.floats(0.1, 5000)),
                spread=draw(st.sampled_from([0.0, 0.3, 1.0])),
                needs=tuple(sorted(draw(st.sets(st.integers(0, key - 1), max_size=3)))) if key else (),
                rests_for=draw(st.sampled_from([0.0, 0.0, 50.0])),
                running_for=running_for,
                place=free.pop() if running_for is not None else None,
            )
        )
    return found


def no_later(one: Moment, other: Moment) -> bool:
    return one.likely <= other.likely + NEVER_EARLIER and one.late <= other.late + NEVER_EARLIER


@given(queues(), st.sampled_from([0.0, 30.0]))
def test_a_build_starts_now_at_the_earliest_and_finishes_after_it_starts(queue: list[Work], publishing: float) -> None:
    found = forecast(queue, FLEET, publishing=publishing)
    assert found.keys() == {one.key for one in queue}, "each has a slot that may take it"
    for one in found.values():
        assert 0 <= one.start.likely <= one.start.late
        assert no_later(one.start, one.finish)
        assert one.finish.likely <= one.finish.late
        assert one.finish.likely >= one.start.likely + publishing - NEVER_EARLIER


@given(queues(), st.sampled_from([0.0, 30.0]))
def test_what_waits_starts_after_what_it_waits_for_is_published(queue: list[Work], publishing: float) -> None:
    found = forecast(queue, FLEET, publishing=publishing)
    for one in queue:
        if one.running_for is None:
            assert found[one.key].start.likely >= one.rests_for
            assert all(no_later(found[need].finish, found[one.key].start) for need in one.needs)


@given(queues())
def test_what_begins_now_is_what_the_scheduler_would_give_out_now(queue: list[Work]) -> None:
    shares = {"one": Share(weight=2.0, served=500.0), "two": Share()}
    found = forecast(queue, FLEET, shares=shares, security_reserve=0.5)
    busy = {one.place for one in queue if one.running_for is not None}
    running = [one for one in queue if one.running_for is not None]
    # What has run for longer than it should, and nobody doubts it, may end, and leave its slot, this very moment.
    assume(all(remaining(one)[0] > 0 for one in running))
    given_out = pair(
        [one.ready for one in queue if one.running_for is None and not one.needs and not one.rests_for],
        [slot for slot in FLEET if (slot.builder, slot.index) not in busy],
        shares={
            key: replace(share, running=sum(one.ready.share == key for one in running)) for key, share in shares.items()
        },
        fleet=Fleet(
            busy=[slot for slot in FLEET if (slot.builder, slot.index) in busy],
            security_running=sum(one.ready.is_security for one in running),
            security_reserve=0.5,
        ),
    )
    at_once = {one.key for one in queue if one.running_for is None and found[one.key].start == Moment(0, 0)}
    assert at_once == {one.task for one in given_out}


@given(queues())
def test_no_more_builds_run_at_once_than_there_are_slots_for_them(queue: list[Work]) -> None:
    exact = [replace(one, spread=0.0) for one in queue]
    found = forecast(exact, FLEET)
    for one in exact:
        begin = found[one.key].start.likely
        beside = [
            other
            for other in exact
            if found[other.key].start.likely <= begin < found[other.key].finish.likely - NEVER_EARLIER
        ]
        waited = [other for other in beside if other.running_for is None]
        fit = {(slot.builder, slot.index) for other in waited for slot in FLEET if may_meet(other.ready, slot)}
        fit |= {other.place for other in beside if other.place is not None}
        assert len(beside) <= len(fit)


def test_one_slot_does_one_after_the_other_and_they_are_told_in_that_order() -> None:
    found = forecast([work(3), work(1), work(2)], slots(1))
    assert [found[key].start.likely for key in (1, 2, 3)] == [0, 60, 120]
    assert found[3].finish == Moment(180, 180)
    assert list(found) == [1, 2, 3]


def test_a_free_slot_is_taken_at_once_however_much_runs_elsewhere() -> None:
    found = forecast([work(1, 9000, running_for=1.0, place=("b", 0)), work(2)], slots(2))
    assert found[2].start == Moment(0, 0)


def test_a_build_outside_of_the_fleet_holds_no_slot_of_it() -> None:
    found = forecast([work(1, 600, running_for=0.0, place=("gone", 0)), work(2)], slots(1))
    assert found[2].start == Moment(0, 0)
    assert found[1].finish == Moment(600, 600)


def test_work_that_cannot_begin_yet_holds_up_nobody() -> None:
    found = forecast([work(1, 600), work(2, 600, needs=(1,)), work(3)], slots(2))
    assert found[3].start == Moment(0, 0)
    assert found[2].start.likely == 600


def test_what_rests_starts_when_its_rest_is_over_and_lets_others_go_first() -> None:
    found = forecast([work(1, rests_for=30), work(2, 10)], slots(1))
    assert (found[1].start.likely, found[2].start.likely) == (30, 0)


def test_architectures_do_not_wait_for_each_other() -> None:
    arm = work(1, 9000, of=ready(1, architecture="aarch64"))
    found = forecast([arm, work(2)], [*slots(1), *slots(1, "arm", architecture="aarch64")])
    assert found[2].start == Moment(0, 0)


@pytest.mark.parametrize("wants", [{"memory": 8 * GIB}, {"isa_level": "x86_64-v3x"}, {"disk": 90 * GIB}])
def test_a_build_that_only_some_slots_may_take_waits_for_those(wants: dict[str, object]) -> None:
    small = slots(3, "small", memory_limit=4 * GIB, disk_free=20 * GIB)
    large = slots(1, "large", memory_limit=16 * GIB, isa_levels=frozenset({"x86_64-v3x"}), disk_free=100 * GIB)
    queue = [work(1, 600, running_for=0.0, place=("large", 0)), work(2, of=ready(2, **wants))]
    assert forecast(queue, [*small, *large])[2].start.likely == 600
    assert forecast(queue, small).keys() == {1}, "there is no telling where no slot may take it"


def test_two_builds_that_fill_a_disk_wait_for_each_other() -> None:
    fleet = slots(2, disk_free=10 * GIB)
    found = forecast([work(key, of=ready(key, disk=6 * GIB)) for key in (1, 2)], fleet)
    assert [found[key].start.likely for key in (1, 2)] == [0, 60]


def test_a_security_build_goes_first_and_an_expedited_one_before_it() -> None:
    queue = [
        work(1),
        work(2, of=ready(2, is_security=True)),
        work(3, of=ready(3, is_expedited=True)),
    ]
    assert list(forecast(queue, slots(1), security_reserve=1.0)) == [3, 2, 1]


def test_a_share_with_twice_the_weight_gets_twice_the_slots() -> None:
    many = [work(key, of=ready(key, share="crowd")) for key in range(12)]
    few = [work(key, of=ready(key, share="few")) for key in range(100, 112)]
    found = forecast([*many, *few], slots(3), shares={"few": Share(weight=2.0), "crowd": Share()})
    first = [key for key, one in found.items() if one.start.likely < 60 * 5]
    assert sum(key >= 100 for key in first) == 10
    assert len(first) == 15


def test_a_builder_on_which_it_came_to_grief_is_avoided() -> None:
    queue = [work(1, 600, running_for=0.0, place=("good", 0)), work(2, of=ready(2, avoid=frozenset({"bad"})))]
    assert forecast(queue, [*slots(1, "good"), *slots(1, "bad")])[2].start.likely == 600
    assert forecast(queue[1:], slots(1, "bad"))[2].start.likely == 0, "where there is another"


def test_there_is_no_telling_without_a_slot_nor_for_whoever_waits_for_such() -> None:
    arm = work(1, of=ready(1, architecture="aarch64"))
    assert forecast([arm, work(2, needs=(1,)), work(3, needs=(77,)), work(4, needs=(3,))], slots(1)) == {}
    assert forecast([work(1, needs=(2,)), work(2, needs=(1,))], slots(1)) == {}, "a cycle"
    assert forecast([work(1)], []) == {}


def test_what_is_built_waits_for_its_publication_only() -> None:
    found = forecast([work(1, 600, is_built=True), work(2, needs=(1,))], slots(1), publishing=5)
    assert found[1] == Forecast(Moment(0, 0), Moment(5, 5))
    assert found[2].start == Moment(5, 5)


def lognormal(rolls: Random, spread: float) -> float:
    return rolls.lognormvariate(0, spread) * 100


def shares_in_time(times: list[float], moment: Moment) -> tuple[float, float]:
    return (
        sum(time <= moment.likely for time in times) / len(times),
        sum(time <= moment.late for time in times) / len(times),
    )


def test_the_range_covers_nine_of_ten() -> None:
    likely, excess = remaining(work(1, 100, spread=0.5))
    rolls = Random(1)  # noqa: S311 - a test repeats
    half, most = shares_in_time([lognormal(rolls, 0.5) for _ in range(20_000)], Moment(likely, likely + excess))
    assert isclose(half, 0.5, abs_tol=0.02)
    assert isclose(most, 0.9, abs_tol=0.02)


@pytest.mark.parametrize("length", [1, 2, 3, 10])
@pytest.mark.parametrize("spread", [0.3, 0.7, 1.0])
def test_the_range_of_a_chain_covers_nine_of_ten(length: int, spread: float) -> None:
    chain = [work(key, 100, spread=spread, needs=(key - 1,) if key else ()) for key in range(length)]
    found = forecast(chain, slots(4))
    for before, after in pairwise(found.values()):
        assert before.finish == after.start
    rolls = Random(3)  # noqa: S311 - a test repeats
    times = [sum(lognormal(rolls, spread) for _ in range(length)) for _ in range(10_000)]
    half, most = shares_in_time(times, found[length - 1].finish)
    assert isclose(half, 0.5, abs_tol=0.05)
    assert isclose(most, 0.9, abs_tol=0.03)


@pytest.mark.parametrize("count", [1, 4])
def test_the_range_of_a_start_after_a_long_queue_covers_nine_of_ten(count: int) -> None:
    queue = [work(key, 100, spread=0.7) for key in range(40)]
    found = forecast(queue, slots(count))
    rolls = Random(4)  # noqa: S311 - a test repeats
    times = []
    for _ in range(3_000):
        free = [0.0] * count
        for _key in range(39):
            place = free.index(min(free))
            free[place] += lognormal(rolls, 0.7)
        times.append(min(free))
    half, most = shares_in_time(times, found[39].start)
    assert isclose(half, 0.5, abs_tol=0.15)
    assert 0.87 <= most <= 0.98, "a slow day makes all of them late together: the range is a little wider"


@pytest.mark.parametrize("elapsed", [30.0, 100.0, 300.0])
def test_what_has_run_for_a_while_is_judged_by_those_that_took_as_long(elapsed: float) -> None:
    likely, excess = remaining(work(1, 100, spread=0.5, running_for=elapsed))
    rolls = Random(2)  # noqa: S311 - a test repeats
    left = [time - elapsed for _ in range(30_000) if (time := lognormal(rolls, 0.5)) > elapsed]
    half, most = shares_in_time(left, Moment(likely, likely + excess))
    assert isclose(half, 0.5, abs_tol=0.06)
    assert isclose(most, 0.9, abs_tol=0.06)
    assert likely > 0


def test_a_long_queue_of_uncertain_builds_is_forecast_better_than_one_of_them() -> None:
    queue = [work(key, 100, spread=0.8) for key in range(200)]
    found = forecast(queue, slots(4))
    assert found[199].start.late / found[199].start.likely < 1.2
    assert found[0].finish.late / found[0].finish.likely > 2
