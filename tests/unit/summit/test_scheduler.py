"""Pairs of tasks and slots: what must never meet, and who goes first."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from summit.scheduler import Pair, Ready, Slot, may_meet, pair

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
        avoid=st.frozensets(st.sampled_from(["b1", "b2"])),
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
    ),
    unique_by=lambda free: (free.builder, free.index),
    max_size=8,
)


@given(tasks, slots)
def test_no_slot_and_no_task_is_given_twice_and_none_that_must_not_meet(ready: list[Ready], free: list[Slot]) -> None:
    pairs = pair(ready, free)
    by_key = {one.key: one for one in ready}
    assert len({found.task for found in pairs}) == len(pairs)
    assert len({(found.slot.builder, found.slot.index) for found in pairs}) == len(pairs)
    assert all(may_meet(by_key[found.task], found.slot) for found in pairs)


@given(tasks, slots)
def test_no_slot_stays_free_that_a_waiting_task_could_take(ready: list[Ready], free: list[Slot]) -> None:
    pairs = pair(ready, free)
    taken = {(found.slot.builder, found.slot.index) for found in pairs}
    given_tasks = {found.task for found in pairs}
    for one in ready:
        for other in free:
            if one.key not in given_tasks and (other.builder, other.index) not in taken:
                assert not may_meet(one, other)


@given(tasks, slots)
def test_the_choice_does_not_depend_on_the_order_of_the_lists(ready: list[Ready], free: list[Slot]) -> None:
    assert pair(ready, free) == pair(ready[::-1], free[::-1])


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
    assert pair([task(1, avoid=frozenset({"b1"}))], free)[0].slot.builder == "b2"
    assert pair([task(1, avoid=frozenset({"b1"}))], free[:1])[0].slot.builder == "b1"


def test_work_is_spread_over_builders() -> None:
    free = [slot(0), slot(1), slot(0, "b2"), slot(1, "b2")]
    assert {found.slot.builder for found in pair([task(1), task(2)], free)} == {"b1", "b2"}


def test_a_plain_task_leaves_the_slot_of_many_levels_to_who_needs_it() -> None:
    rich = slot(0, isa_levels=frozenset({"x86_64", "x86_64-v3x"}))
    plain = slot(1)
    found = pair([task(1, priority=9.0), task(2, isa_level="x86_64-v3x")], [rich, plain])
    assert found == [Pair(1, plain), Pair(2, rich)]
