"""Logs on the hub: appended by offset, bounded, never rewritten."""

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from avalanche import logs
from avalanche.refusals import LogGap, LogLimit


@pytest.fixture(autouse=True)
def _logs_dir(settings: Settings, tmp_path: Path) -> None:
    settings.SERPENT_LOGS_DIR = tmp_path


def append(attempt: object, offset: int, chunk: bytes, limit: int = 1000) -> int:
    return logs.append(attempt=attempt, offset=offset, chunk=chunk, limit=limit)  # type: ignore[arg-type]


def test_chunks_follow_each_other() -> None:
    attempt = uuid4()
    assert append(attempt, 0, b"abc") == 3
    assert append(attempt, 3, b"def") == 6
    assert logs.path_of(attempt).read_bytes() == b"abcdef"
    assert logs.size_of(attempt) == 6


def test_a_log_nobody_wrote_is_empty() -> None:
    assert logs.size_of(uuid4()) == 0


def test_what_is_there_already_is_skipped_and_never_rewritten() -> None:
    attempt = uuid4()
    append(attempt, 0, b"abc")
    assert append(attempt, 0, b"XYZdef") == 6
    assert append(attempt, 0, b"X") == 6
    assert logs.path_of(attempt).read_bytes() == b"abcdef"


def test_a_gap_is_refused_and_names_the_size() -> None:
    attempt = uuid4()
    append(attempt, 0, b"abc")
    with pytest.raises(LogGap) as refusal:
        append(attempt, 4, b"x")
    assert refusal.value.size == 3


def test_the_limit_is_kept_to_the_byte() -> None:
    attempt = uuid4()
    assert append(attempt, 0, b"abc", limit=3) == 3
    with pytest.raises(LogLimit):
        append(attempt, 3, b"d", limit=3)
    assert logs.size_of(attempt) == 3


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    text=st.binary(max_size=200),
    cuts=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=20),
)
def test_whatever_is_sent_again_the_log_is_a_beginning_of_the_text(text: bytes, cuts: list[tuple[int, int]]) -> None:
    attempt = uuid4()
    for start, length in cuts:
        try:
            append(attempt, start, text[start : start + length])
        except LogGap:
            continue
    written = logs.path_of(attempt).read_bytes() if logs.path_of(attempt).exists() else b""
    assert text.startswith(written)
