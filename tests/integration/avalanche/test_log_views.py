"""The two views of a log: raw text with ranges, and the live stream."""

import json
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from avalanche import logs
from avalanche.models import Attempt
from avalanche.states import AttemptState
from avalanche.views import log as views
from tests.factories.avalanche import LEASE, make_attempt

pytestmark = pytest.mark.django_db

TEXT = b"configure\nmake <b>all</b>\nerror: no\n"


@pytest.fixture
def attempt() -> Attempt:
    attempt = make_attempt(AttemptState.FAILED, at=timezone.now())
    logs.append(attempt=attempt.pk, offset=0, chunk=TEXT, limit=1000)
    return attempt


def get(attempt: object, path: str = "log", **headers: str) -> tuple[Any, bytes]:
    response: Any = Client().get(f"/attempts/{attempt}/{path}", headers=headers)
    content = response.getvalue() if response.streaming else response.content
    return response, content


def events(content: bytes) -> list[tuple[str, int, dict[str, object]]]:
    found = []
    for block in content.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in fields:
            found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
    return found


class TestRaw:
    def test_a_log_is_plain_text_that_no_browser_takes_for_a_page(self, attempt: Attempt) -> None:
        response, content = get(attempt.pk)
        assert (response.status_code, content) == (200, TEXT)
        assert response["Content-Type"] == "text/plain; charset=utf-8"
        assert response["X-Content-Type-Options"] == "nosniff"

    def test_a_part_is_206(self, attempt: Attempt) -> None:
        response, content = get(attempt.pk, range="bytes=10-13")
        assert (response.status_code, content) == (206, b"make")
        assert response["Content-Range"] == f"bytes 10-13/{len(TEXT)}"

    def test_behind_the_end_is_416(self, attempt: Attempt) -> None:
        response, _ = get(attempt.pk, range=f"bytes={len(TEXT)}-")
        assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(TEXT)}")

    def test_what_was_never_logged_is_empty(self) -> None:
        response, content = get(make_attempt().pk)
        assert (response.status_code, content) == (200, b"")

    @pytest.mark.parametrize("path", ["log", "log/stream"])
    def test_an_unknown_attempt_has_no_log(self, path: str) -> None:
        assert get(uuid4(), path)[0].status_code == 404

    def test_a_log_cannot_be_changed_here(self, attempt: Attempt) -> None:
        assert Client().put(f"/attempts/{attempt.pk}/log", b"forged").status_code == 405


class TestStream:
    def test_an_ended_log_is_told_and_ended(self, attempt: Attempt) -> None:
        response, content = get(attempt.pk, "log/stream")
        assert response["Content-Type"] == "text/event-stream"
        assert response["X-Accel-Buffering"] == "no"
        assert events(content) == [
            ("log", len(TEXT), {"offset": 0, "text": TEXT.decode()}),
            ("end", len(TEXT), {"status": "failed"}),
        ]

    def test_a_browser_that_comes_back_goes_on_where_it_was(self, attempt: Attempt) -> None:
        _, content = get(attempt.pk, "log/stream?offset=0", **{"last-event-id": "10"})
        assert events(content)[0][2]["offset"] == 10

    def test_a_page_that_has_a_part_asks_for_the_rest(self, attempt: Attempt) -> None:
        _, content = get(attempt.pk, "log/stream?offset=26")
        assert events(content)[0][2] == {"offset": 26, "text": "error: no\n"}

    @pytest.mark.parametrize("identifier", ["-1", "x", "9" * 40, "1e3", ""])
    def test_an_id_that_is_none_begins_at_the_beginning(self, attempt: Attempt, identifier: str) -> None:
        _, content = get(attempt.pk, "log/stream", **{"last-event-id": identifier})
        assert events(content)[0][2]["offset"] == 0

    def test_a_running_log_is_told_until_the_attempt_ends(self) -> None:
        attempt = make_attempt(at=timezone.now())
        attempt.claim(at=timezone.now(), lease=LEASE)
        logs.append(attempt=attempt.pk, offset=0, chunk=b"one\n", limit=100)
        response: Any = Client().get(f"/attempts/{attempt.pk}/log/stream")
        told = iter(response)
        assert next(told).startswith(b"retry:")
        assert b'"one\\n"' in next(told)
        logs.append(attempt=attempt.pk, offset=4, chunk=b"two\n", limit=100)
        assert b'"two\\n"' in next(told)
        attempt.lose(message="gone", at=timezone.now() + timedelta(seconds=1))
        assert b'{"status": "lost"}' in next(told)
        assert list(told) == []

    def test_the_hubs_page_may_read_it_and_others_may_not(self, attempt: Attempt, settings: Settings) -> None:
        settings.SERPENT_HUB_URL = "http://hub.example"
        settings.ALLOWED_HOSTS = ["hub.example", "testserver"]

        def allowed(origin: str) -> Any:
            return get(attempt.pk, "log/stream", origin=origin)[0]["Access-Control-Allow-Origin"]

        assert allowed("http://hub.example:8000") == "http://hub.example:8000"
        assert allowed("https://hub.example") == "https://hub.example"
        assert allowed("https://evil.example") == "http://hub.example"

    def test_followers_are_bounded_and_leave_their_place(
        self, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "_places", threading.BoundedSemaphore(1))
        first: Any = Client().get(f"/attempts/{attempt.pk}/log/stream")
        assert get(attempt.pk, "log/stream")[0].status_code == 503
        # Not `close()`: its signal would close the database connection under the test's transaction.
        for closer in first._resource_closers * 2:
            closer()
        assert get(attempt.pk, "log/stream")[0].status_code == 200
