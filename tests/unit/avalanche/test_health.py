"""What a builder's owner is told."""

from datetime import UTC, datetime, timedelta

import pytest

from avalanche.health import GIB, Measurement, Tolerance, Vitals, assess

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOLERANCE = Tolerance(silence=timedelta(seconds=30), disk_free=2 * GIB)


def vitals(*, silent_for: float = 1, is_enrolled: bool = True, has_sample: bool = True, **sample: float) -> Vitals:
    values = {"load_1m": 1.0, "memory_available": 16 * GIB, "disk_used": 10 * GIB, "disk_free": 100 * GIB} | sample
    return Vitals(
        is_enrolled=is_enrolled,
        seen_at=AT - timedelta(seconds=silent_for),
        latest=Measurement(**values) if has_sample else None,  # type: ignore[arg-type]
        cpu_threads=4,
        memory_total=32 * GIB,
    )


def test_a_builder_in_order_has_no_problem_and_can_work() -> None:
    health = assess(vitals(), tolerance=TOLERANCE, at=AT)
    assert (health.is_online, health.can_work, health.problem) == (True, True, "")


@pytest.mark.parametrize(
    ("builder", "is_online", "can_work", "sentence"),
    [
        (vitals(is_enrolled=False), False, False, "Has not enrolled yet."),
        (vitals(silent_for=31), False, False, "Silent for 31 seconds."),
        (vitals(silent_for=300), False, False, "Silent for 5 minutes."),
        (vitals(silent_for=3 * 3600), False, False, "Silent for 3 hours."),
        (vitals(silent_for=4 * 86400), False, False, "Silent for 4 days."),
        (vitals(has_sample=False), True, False, "Has not sent a measurement yet."),
        (
            vitals(disk_free=1.5 * GIB),
            True,
            False,
            "The disk is nearly full: 1.5 GiB are left, a build needs 2.0 GiB.",
        ),
        (vitals(memory_available=GIB / 2), True, True, "Memory is nearly used up: 0.5 GiB are left."),
        (vitals(load_1m=13), True, True, "Overloaded: a load of 13.0 on 4 threads."),
    ],
)
def test_each_problem_has_its_sentence(builder: Vitals, *, is_online: bool, can_work: bool, sentence: str) -> None:
    health = assess(builder, tolerance=TOLERANCE, at=AT)
    assert (health.is_online, health.can_work, health.problem) == (is_online, can_work, sentence)


def test_a_builder_never_heard_of_is_not_online() -> None:
    unheard = Vitals(is_enrolled=True, seen_at=None, latest=None)
    assert assess(unheard, tolerance=TOLERANCE, at=AT).problem == "Has never been heard of."


def test_the_gravest_problem_comes_first_and_the_others_are_kept() -> None:
    health = assess(vitals(disk_free=0, load_1m=100), tolerance=TOLERANCE, at=AT)
    assert [problem.partition(" ")[0] for problem in health.problems] == ["The", "Overloaded:"]


def test_exactly_as_long_as_tolerated_is_not_silent() -> None:
    assert assess(vitals(silent_for=30), tolerance=TOLERANCE, at=AT).is_online
