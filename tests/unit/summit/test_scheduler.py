"""Pairs of tasks and slots: what must never meet, who goes first, and that nobody waits for ever."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summit.scheduler import Fleet, Pair, Ready, Share, Slot, may_meet, pair

AT = datetime(2026, 11, 23, tzinfo=UTC)


def task(key: int, **facts: object) -> Ready:
    values = {
        "key": key,
        "architecture": "x86_64",
        "isa_level": "",
        "is_official": True,
        "priority": 1.0,
        "ready_since": AT,
    }
    return Ready(**(values | facts))  # type: ignore[arg-type]


def slot(index: int, builder: str = "b1", **facts: object) -> Slot:
    values = {
        "builder": builder,
        "index": index,
        "architecture": "x86_64",
        "isa_levels": frozenset({"x86_64"}),
        "is_official": True,
    }
    return Slot(**(values | facts))  # type: ignore[arg-type]


architectures = st.sampled_from(["x86_64", "aarch64"])
levels = st.sampled_from(["", "x86_64-v3x"])
tasks = st.lists(
    st.builds(
        task,
        st.integers(0, 99),
        architecture=architectures,
        isa_level=levels,
        is_official=st.booleans(),
        priority=st.floats(0, 1e6),
        is_expedited=st.booleans(),
        is_security=st.booleans(),
        share=st.sampled_from(["", "desktop", "kernel"]),
        memory=st.integers(0, 4),
        disk=st.integers(0, 4),
        avoid=st.frozensets(st.sampled_from(["b1", "b2"])),
        other_than=st.none() | st.integers(0, 2),
    ),
    unique_by=lambda ready: ready.key,
    max_size=12,
)
slots = st.lists(
    st.builds(
        slot,
        st.integers(0, 3),
        st.sampled_from(["b1", "b2", "b3"]),
        architecture=architectures,
        isa_levels=st.frozensets(levels),
        is_official=st.booleans(),
        memory_limit=st.integers(0, 4),
        disk_free=st.none() | st.integers(0, 4),
        owner=st.integers(0, 2),
    ),
    unique_by=lambda free: (free.builder, free.index),
    max_size=8,
)


shares = st.dictionaries(
    st.sampled_from(["", "desktop", "kernel"]),
    st.builds(Share, weight=st.floats(0.1, 10), running=st.integers(0, 5), served=st.floats(0, 1e5)),
)
fleets = st.builds(
    Fleet,
    busy=slots.map(lambda found: [replace(one, index=one.index + 10) for one in found]),
    security_running=st.integers(0, 4),
    security_reserve=st.floats(0, 1),
)


@given(tasks, slots, shares, fleets)
def test_no_slot_and_no_task_is_given_twice_and_none_that_must_not_meet(
    ready: list[Ready], free: list[Slot], held: dict[str, Share], fleet: Fleet
) -> None:
    pairs = pair(ready, free, shares=held, fleet=fleet)
    by_key = {one.key: one for one in ready}
    assert len({found.task for found in pairs}) == len(pairs)
    assert len({(found.slot.builder, found.slot.index) for found in pairs}) == len(pairs)
    assert all(found.slot in free for found in pairs)
    for found in pairs:
        task, slot = by_key[found.task], found.slot
        assert task.architecture == slot.architecture
        assert task.isa_level in {"", *slot.isa_levels}
        assert slot.is_official or not task.is_official
        assert slot.owner != task.other_than, "nobody builds a second time what they built themselves"
        assert slot.memory_limit == 0 or task.memory <= slot.memory_limit
        assert slot.disk_free is None or task.disk <= slot.disk_free
        if slot.builder in task.avoid:
            assert not any(one.builder not in task.avoid and may_meet(task, one) for one in [*free, *fleet.busy])


@given(tasks, slots, shares, fleets)
def test_no_slot_stays_free_that_a_waiting_task_could_take(
    ready: list[Ready], free: list[Slot], held: dict[str, Share], fleet: Fleet
) -> None:
    ready = [replace(one, avoid=frozenset(), disk=0) for one in ready]
    pairs = pair(ready, free, shares=held, fleet=fleet)
    taken = {(found.slot.builder, found.slot.index) for found in pairs}
    given_tasks = {found.task for found in pairs}
    for one in ready:
        for other in free:
            if one.key not in given_tasks and (other.builder, other.index) not in taken:
                assert not may_meet(one, other)


@given(tasks, slots, shares, fleets)
def test_the_choice_does_not_depend_on_the_order_of_the_lists(
    ready: list[Ready], free: list[Slot], held: dict[str, Share], fleet: Fleet
) -> None:
    turned = dict(reversed(held.items()))
    assert pair(ready, free, shares=held, fleet=fleet) == pair(ready[::-1], free[::-1], shares=turned, fleet=fleet)


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 400)), min_size=1, max_size=8),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.5, 1.0, 2.0])),
    st.integers(1, 3),
)
@settings(deadline=None)  # hundreds of rounds
def test_whoever_waits_is_served_in_the_end_whatever_comes_after(
    waiting: list[tuple[str, int]], weights: dict[str, float], size: int
) -> None:
    """Every round, a more urgent task arrives in every share; all slots are freed once a minute.

    Newcomers are ahead for 500 seconds at most, so there are as many before whoever waits as arrive in that time, and
    those who wait in the same share; each takes as many rounds as all shares weigh more than the lightest.
    """
    minute, rounds, ahead = 60.0, 0, 500.0
    weighed = [weights.get(share, 1.0) for share in "abcdef"]
    bound = (len(waiting) + ceil(ahead / minute) + 1) * sum(weighed) / min(weighed) + len(weighed)
    queue = {key: task(key, share=share, priority=float(chain)) for key, (share, chain) in enumerate(waiting)}
    wanted, served, keys = set(queue), dict.fromkeys("abcdef", 0.0), count(1000)
    while wanted & queue.keys():
        rounds += 1
        assert rounds <= bound, "somebody starves"
        at = AT + timedelta(seconds=rounds * minute)
        for share in "abcdef":
            key = next(keys)
            queue[key] = task(key, share=share, priority=ahead, ready_since=at)
        held = {share: Share(weight=weights.get(share, 1.0), served=served[share]) for share in served}
        for found in pair(queue.values(), [slot(index) for index in range(size)], shares=held):
            served[queue.pop(found.task).share] += minute


@given(st.sampled_from([0.5, 1.0, 2.0, 3.0]), st.integers(2, 12))
def test_slots_are_held_in_proportion_to_the_weights(weight: float, size: int) -> None:
    ready = [task(key, share="ab"[key % 2], priority=float(key)) for key in range(40)]
    pairs = pair(ready, [slot(index) for index in range(size)], shares={"a": Share(weight=weight)})
    held = sum(found.task % 2 == 0 for found in pairs)
    assert abs(held - size * weight / (weight + 1)) <= 1


def test_the_longest_chain_goes_first_and_what_is_expedited_before_it() -> None:
    free = [slot(0)]
    assert pair([task(1), task(2, priority=9.0)], free) == [Pair(2, free[0])]
    assert pair([task(1, is_expedited=True), task(2, priority=9.0)], free) == [Pair(1, free[0])]


def test_an_official_build_never_meets_a_test_builder() -> None:
    assert pair([task(1)], [slot(0, is_official=False)]) == []


def test_a_test_build_leaves_the_official_slot_to_others() -> None:
    free = [slot(0), slot(0, "b2", is_official=False)]
    assert pair([task(1, is_official=False)], free)[0].slot.builder == "b2"


def test_a_builder_that_let_the_task_down_is_taken_only_when_there_is_no_other() -> None:
    free = [slot(0), slot(0, "b2")]
    crashed = task(1, avoid=frozenset({"b1"}))
    assert pair([crashed], free)[0].slot.builder == "b2"
    assert pair([crashed], free[:1])[0].slot.builder == "b1"


def test_a_task_is_not_sent_straight_back_to_the_builder_it_crashed_while_another_is_merely_busy() -> None:
    crashed = task(1, avoid=frozenset({"b1"}))
    assert pair([crashed], [slot(0)], fleet=Fleet(busy=[slot(0, "b2")])) == []
    unfit = slot(0, "b2", architecture="aarch64")
    assert pair([crashed], [slot(0)], fleet=Fleet(busy=[unfit]))[0].slot.builder == "b1"


@pytest.mark.parametrize(
    ("asked", "unfit"),
    [
        ({}, {"architecture": "aarch64"}),
        ({"isa_level": "x86_64-v3x"}, {}),
        ({}, {"is_official": False}),
        ({"other_than": "ada"}, {"owner": "ada"}),
        ({"memory": 8}, {"memory_limit": 4}),
        ({"disk": 8}, {"disk_free": 4}),
    ],
    ids=["architecture", "level", "trust", "owner", "memory", "disk"],
)
@pytest.mark.parametrize("is_busy", [False, True])
def test_nobody_waits_for_another_builder_that_may_not_take_it_either(
    asked: dict[str, object], unfit: dict[str, object], *, is_busy: bool
) -> None:
    crashed = task(1, avoid=frozenset({"b1"}), **asked)
    own = slot(0, isa_levels=frozenset({"x86_64", "x86_64-v3x"}))
    other = slot(0, "b2", **unfit)
    free, busy = ([own], [other]) if is_busy else ([own, other], [])
    assert pair([crashed], free, fleet=Fleet(busy=busy)) == [Pair(1, own)]
    fit = replace(own, builder="b3")
    assert pair([crashed], free, fleet=Fleet(busy=[*busy, fit])) == [], "but for one that may it does"


def test_a_share_without_a_slot_goes_before_one_that_holds_some() -> None:
    ready = [*(task(key, share="mass", priority=1e6) for key in range(3000)), task(9999, share="single")]
    held = {"mass": Share(running=8, served=1e6)}
    assert pair(ready, [slot(0)], shares=held)[0].task == 9999


def test_shares_that_hold_as_much_take_turns_by_what_they_got() -> None:
    ready = [task(1, share="a", priority=9.0), task(2, share="b")]
    assert pair(ready, [slot(0)], shares={"a": Share(served=100.0)})[0].task == 2
    heavy = {"a": Share(weight=4.0, served=100.0), "b": Share(served=50.0)}
    assert pair(ready, [slot(0)], shares=heavy)[0].task == 1


def test_within_a_share_waiting_counts_as_much_as_the_chain() -> None:
    late = AT + timedelta(seconds=60)
    assert pair([task(1, priority=50.0), task(2, priority=100.0, ready_since=late)], [slot(0)])[0].task == 1
    assert pair([task(1, priority=30.0), task(2, priority=100.0, ready_since=late)], [slot(0)])[0].task == 2


def test_security_builds_go_first_up_to_their_reserve() -> None:
    ready = [*(task(key, is_security=True, share="s", priority=1.0) for key in range(4)), task(9, share="other")]
    free = [slot(index) for index in range(4)]
    half = pair(ready, free, fleet=Fleet(security_reserve=0.5))
    assert [found.task for found in half] == [0, 1, 9, 2]
    assert pair(ready, free[:1], fleet=Fleet(security_reserve=0.5))[0].task == 0
    assert pair(ready, free[:1], fleet=Fleet(busy=free[1:], security_running=2))[0].task == 9


def test_a_big_build_goes_only_where_there_is_room_for_it() -> None:
    small, big = slot(0, memory_limit=4), slot(0, "b2", memory_limit=16, disk_free=10)
    assert pair([task(1, memory=8)], [small]) == []
    assert pair([task(1, memory=8)], [small, big]) == [Pair(1, big)]
    assert pair([task(1, memory=8, disk=11)], [small, big]) == []
    assert pair([task(1, memory=2)], [small, big]) == [Pair(1, small)], "the roomy slot is left to who needs it"


def test_two_builds_on_one_builder_share_its_disk() -> None:
    free = [slot(0, disk_free=10), slot(1, disk_free=10)]
    assert len(pair([task(1, disk=6), task(2, disk=6)], free)) == 1
    assert len(pair([task(1, disk=5), task(2, disk=5)], free)) == 2


def test_work_is_spread_over_builders() -> None:
    free = [slot(0), slot(1), slot(0, "b2"), slot(1, "b2")]
    assert {found.slot.builder for found in pair([task(1), task(2)], free)} == {"b1", "b2"}


def test_a_plain_task_leaves_the_slot_of_many_levels_to_who_needs_it() -> None:
    rich = slot(0, isa_levels=frozenset({"x86_64", "x86_64-v3x"}))
    plain = slot(1)
    found = pair([task(1, priority=9.0), task(2, isa_level="x86_64-v3x")], [rich, plain])
    assert found == [Pair(1, plain), Pair(2, rich)]
