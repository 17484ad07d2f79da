"""Numbers as words."""

from datetime import UTC, datetime, timedelta

import pytest

from serpent_infra import words

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=2), "now"),
        (timedelta(seconds=42), "42 s ago"),
        (timedelta(minutes=3, seconds=50), "3 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=2), "2 d ago"),
        (timedelta(days=40), "14 Oct 2026"),
        (-timedelta(minutes=3), "in 3 min"),
    ],
)
def test_moments_are_told_relative_to_now(ago: timedelta, text: str) -> None:
    assert words.relative(NOW - ago, now=NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (42.7, "42 s"),
        (185, "3 min 5 s"),
        (4321, "1 h 12 min"),
        (90061, "1 d 1 h"),
        (-3, "0.0 s"),
        (timedelta(minutes=1), "1 min"),
    ],
)
def test_durations_have_two_units(seconds: float | timedelta, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (812, "812 B"), (1500, "1.46 KiB"), (240 * 2**30, "240 GiB"), (-2048, "-2.00 KiB")],
)
def test_amounts_have_three_digits(size: int, text: str) -> None:
    assert words.amount(size) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, ""), (2, "a0, a1"), (3, "a0, a1 and 1 more"), (1502, "a0, a1 and 1,500 more")]
)
def test_names_beyond_the_most_are_counted(count: int, text: str) -> None:
    assert words.listed([f"a{number}" for number in range(count)], most=2) == text
