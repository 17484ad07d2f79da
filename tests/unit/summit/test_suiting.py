"""What to ask of a slot where past builds teach it, and its laws: a guess never keeps a build waiting for ever."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.wire.reports import FailureKind
from summit import suiting
from summit.estimates import MARGIN, SHORTAGE, Taken, learn
from summit.scheduler import Ready, Slot
from summit.suiting import NOTHING, Room, ask, obstacle, shortfall, suitable

GIB = 2**30
AT = datetime(2026, 11, 23, tzinfo=UTC)
OUT_OF_MEMORY, DISK_FULL = FailureKind.OUT_OF_MEMORY.value, FailureKind.DISK_FULL.value


def build(memory: int = 0, disk: int = 0, architecture: str = "x86_64") -> Ready:
    return Ready(
        key=1,
        architecture=architecture,
        isa_level="",
        is_official=True,
        priority=1.0,
        ready_since=AT,
        memory=memory,
        disk=disk,
    )


def slot(memory_limit: int = 0, disk_free: int | None = None, architecture: str = "x86_64") -> Slot:
    return Slot(
        builder="b",
        index=0,
        architecture=architecture,
        isa_levels=frozenset({architecture}),
        is_official=True,
        memory_limit=memory_limit,
        disk_free=disk_free,
    )


amounts = st.integers(0, 6)
builds = st.builds(build, amounts, amounts, st.sampled_from(["x86_64", "aarch64"]))
rooms = st.builds(Room, memory=amounts, disk=amounts)
fleets = st.lists(
    st.builds(slot, amounts, st.none() | amounts, st.sampled_from(["x86_64", "aarch64"])), min_size=0, max_size=6
)


@given(builds, rooms, fleets)
def test_where_some_slot_may_take_a_build_as_declared_some_slot_may_take_it_as_learnt(
    declared: Ready, learnt: Room, slots: list[Slot]
) -> None:
    wanted = ask(declared, learnt, slots)
    if suitable(declared, slots):
        assert suitable(replace(declared, memory=wanted.memory, disk=wanted.disk), slots)


@given(builds, rooms, fleets)
def test_what_is_asked_lies_between_what_was_declared_and_what_was_learnt(
    declared: Ready, learnt: Room, slots: list[Slot]
) -> None:
    wanted = ask(declared, learnt, slots)
    assert declared.memory <= wanted.memory <= max(declared.memory, learnt.memory)
    assert declared.disk <= wanted.disk <= max(declared.disk, learnt.disk)


@given(builds, rooms, fleets)
def test_what_is_asked_is_all_that_was_learnt_where_a_slot_has_it(
    declared: Ready, learnt: Room, slots: list[Slot]
) -> None:
    whole = Room(memory=max(declared.memory, learnt.memory), disk=max(declared.disk, learnt.disk))
    if suitable(replace(declared, memory=whole.memory, disk=whole.disk), slots):
        assert ask(declared, learnt, slots) == whole


@given(builds, rooms, fleets)
def test_what_is_short_is_said_exactly_where_less_is_asked_than_was_learnt(
    declared: Ready, learnt: Room, slots: list[Slot]
) -> None:
    wanted = ask(declared, learnt, slots)
    asked = replace(declared, memory=wanted.memory, disk=wanted.disk)
    is_short = wanted.memory < learnt.memory or wanted.disk < learnt.disk
    assert bool(shortfall(asked, slots, learnt=learnt)) is (is_short and bool(slots))


def test_a_guess_is_asked_for_only_as_far_as_a_slot_has_it() -> None:
    slots = [slot(4 * GIB), slot(8 * GIB)]
    assert ask(build(), Room(memory=12 * GIB), slots).memory == 8 * GIB
    assert ask(build(), Room(memory=6 * GIB), slots).memory == 6 * GIB
    assert ask(build(), Room(memory=12 * GIB), [*slots, slot(0)]).memory == 12 * GIB


def test_a_declared_need_holds_whatever_the_fleet_has() -> None:
    assert ask(build(memory=12 * GIB), Room(memory=20 * GIB), [slot(8 * GIB)]).memory == 20 * GIB
    assert ask(build(memory=6 * GIB), Room(memory=4 * GIB), [slot(8 * GIB)]).memory == 6 * GIB
    assert ask(build(memory=6 * GIB), Room(memory=20 * GIB), [slot(8 * GIB)]).memory == 8 * GIB


def test_disk_is_asked_of_those_that_have_the_memory() -> None:
    slots = [slot(16 * GIB, 10 * GIB), slot(4 * GIB, 100 * GIB)]
    assert ask(build(), Room(memory=8 * GIB, disk=50 * GIB), slots) == Room(memory=8 * GIB, disk=10 * GIB)
    assert ask(build(), Room(memory=2 * GIB, disk=50 * GIB), slots) == Room(memory=2 * GIB, disk=50 * GIB)
    # What was declared of the disk rules the first out, and with it its memory.
    declared = build(disk=50 * GIB)
    assert ask(declared, Room(memory=8 * GIB), slots) == Room(memory=4 * GIB, disk=50 * GIB)


def test_what_no_slot_has_is_said_with_about_where_it_was_learnt() -> None:
    slots = [slot(8 * GIB, 10 * GIB)]
    learnt = Room(memory=12 * GIB)
    assert obstacle(build(memory=12 * GIB), slots, learnt=learnt) == (
        "needs about 12.0 GiB of memory, and the largest slot has 8.00 GiB"
    )
    assert obstacle(build(memory=12 * GIB), slots) == "needs 12.0 GiB of memory, and the largest slot has 8.00 GiB"
    assert obstacle(build(disk=12 * GIB), slots, learnt=Room(disk=12 * GIB)) == (
        "needs about 12.0 GiB of disk, and the builder with the most has 10.0 GiB free"
    )
    assert shortfall(build(memory=8 * GIB), slots, learnt=learnt) == (
        "needs about 12.0 GiB of memory and no slot for x86_64 has it, so the largest tries it"
    )
    assert shortfall(build(memory=12 * GIB), slots, learnt=learnt) == ""
    assert shortfall(build(), [], learnt=learnt) == ""
    assert suiting.obstacle(build(), slots, learnt=NOTHING) == ""


# What attempts teach


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], Room()),
        ([Taken()], Room()),
        ([Taken(memory=100, disk=40), Taken(memory=80, disk=80)], Room(memory=125, disk=100)),
        ([Taken(memory=60, memory_limit=64, lacked=OUT_OF_MEMORY, disk=7)], Room(memory=96)),
        ([Taken(memory=60, lacked=OUT_OF_MEMORY)], Room(memory=90)),
        ([Taken(lacked=OUT_OF_MEMORY)], Room()),
        ([Taken(memory=60, disk=100, lacked=DISK_FULL)], Room(disk=150)),
        ([Taken(memory=60, disk=100, lacked="phase")], Room()),
        ([Taken(memory=64, memory_limit=64, lacked=OUT_OF_MEMORY), Taken(memory=200)], Room(memory=250)),
    ],
)
def test_attempts_teach_the_most_that_any_took_with_a_margin(attempts: list[Taken], expected: Room) -> None:
    assert learn(attempts) == expected
    assert learn(reversed(attempts)) == expected


taken = st.builds(
    Taken,
    memory=st.none() | st.integers(0, 2**40),
    disk=st.none() | st.integers(0, 2**40),
    memory_limit=st.integers(0, 2**40),
    lacked=st.sampled_from(["", OUT_OF_MEMORY, DISK_FULL]),
)


@given(st.lists(taken, max_size=6), taken)
def test_another_attempt_never_teaches_less(attempts: list[Taken], one: Taken) -> None:
    before, after = learn(attempts), learn([*attempts, one])
    assert after.memory >= before.memory
    assert after.disk >= before.disk


@given(st.integers(1, 2**40), st.integers(0, 2**40))
def test_after_a_shortage_more_is_asked_for_than_the_slot_had(limit: int, peak: int) -> None:
    lesson = learn([Taken(memory=min(peak, limit), memory_limit=limit, lacked=OUT_OF_MEMORY)])
    assert lesson.memory > limit
    assert MARGIN < SHORTAGE
