"""Byte ranges, as RFC 9110 has them."""

from pathlib import Path

import pytest
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from avalanche import ranges


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("bytes=4-", (4, 10)),
        ("bytes=4-99", (4, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=\u0663-\u0664", None),
        ("bytes=" + "9" * 400 + "-", None),
    ],
)
def test_a_header_asks_for_a_span_or_is_ignored(header: str, span: tuple[int, int] | None) -> None:
    assert ranges.parse(header, size=10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_span_behind_the_end_is_unsatisfiable(header: str) -> None:
    with pytest.raises(ranges.Unsatisfiable):
        ranges.parse(header, size=10)


@given(st.text(max_size=40), st.integers(min_value=0, max_value=1000))
def test_no_header_yields_a_span_outside_the_file(header: str, size: int) -> None:
    try:
        span = ranges.parse(f"bytes={header}", size=size)
    except ranges.Unsatisfiable:
        return
    assert span is None or 0 <= span[0] < span[1] <= size


def _close(response: HttpResponseBase) -> None:
    """Closes the file only: Django's signal at the end of a response looks after database connections."""
    for closer in response._resource_closers:  # type: ignore[attr-defined]
        closer()


def _get(path: Path, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    response = ranges.file_response(RequestFactory().get("/", headers=headers), path, content_type="text/plain")
    body = response.getvalue() if isinstance(response, StreamingHttpResponse) else response.content  # type: ignore[attr-defined]
    _close(response)
    return response.status_code, body, dict(response.items())


def test_a_file_is_answered_whole_in_part_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert _get(path)[:2] == (200, b"0123456789")
    status, body, headers = _get(path, range="bytes=2-4")
    assert (status, body, headers["Content-Range"], headers["Content-Length"]) == (206, b"234", "bytes 2-4/10", "3")
    status, _, headers = _get(path, range="bytes=10-")
    assert (status, headers["Content-Range"]) == (416, "bytes */10")


def test_a_file_that_grows_is_answered_as_long_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    response = ranges.file_response(RequestFactory().get("/"), path, content_type="text/plain")
    with path.open("ab") as file:
        file.write(b"more")
    assert isinstance(response, StreamingHttpResponse)
    assert response.getvalue() == b"0123456789"
    _close(response)
