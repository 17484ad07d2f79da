"""What every page says in the same way."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from avalanche.states import AttemptState
from serpent_infra.templatetags import serpent
from serpent_infra.wire.reports import FailureKind
from summit.states import RefreshStatus, SubmissionStatus, TaskStatus
from vessel.states import ImportStatus

QUIET = {"cancelled", "superseded", "expired", "fresh", "idle"}


def render(source: str, **context: object) -> str:
    return Template("{% load serpent %}" + source).render(Context(context)).strip()


@pytest.mark.parametrize("states", [AttemptState, TaskStatus, SubmissionStatus, RefreshStatus, ImportStatus])
def test_every_status_has_a_colour_or_is_quiet_on_purpose(states: type[TaskStatus]) -> None:
    assert {status for status in states.values if not serpent.tone(status)} <= QUIET


def test_a_badge_is_a_word_and_a_colour() -> None:
    assert render('{% status "in-review" %}') == '<span class="badge review">In review</span>'
    assert render('{% status "failed" "<b>" %}') == '<span class="badge bad">&lt;b&gt;</span>'


def test_every_kind_of_failure_has_a_title() -> None:
    titles = {kind: serpent.failure_title(kind) for kind in FailureKind}
    assert len(set(titles.values())) == len(FailureKind)
    assert serpent.failure_title("new-kind") == "New kind"
    assert serpent.failure_title("") == "Failed"


def test_a_moment_is_relative_and_exact() -> None:
    moment = timezone.now() - timedelta(minutes=3)
    html = render("{% when moment %}", moment=moment)
    assert "3 min ago</time>" in html
    assert f'title="{moment:%Y-%m-%d %H:%M:%S} UTC"' in html
    assert "never" in render("{% when moment %}", moment=None)


def test_elapsed_time_runs_from_its_beginning() -> None:
    assert ">1 min</time>" in render("{% elapsed since %}", since=timezone.now() - timedelta(seconds=60.5))
    assert render("{% elapsed since %}", since=None) == ""


def test_terminal_escapes_are_taken_out_and_markup_stays_text() -> None:
    assert serpent.plain("\x1b[1;32mok\x1b[0m \x1b]0;title\x07<b>\tend\n\x00") == "ok <b>\tend\n"
    assert render("{{ text|plain }}", text="\x1b[31m<b>") == "&lt;b&gt;"


@pytest.mark.parametrize(
    ("address", "is_web"),
    [
        ("https://x.example", True),
        ("HTTP://x.example", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
    ],
)
def test_only_web_addresses_become_links(address: str, is_web: bool) -> None:  # noqa: FBT001 - a table of cases
    assert serpent.is_web(address) is is_web


def test_licences_link_to_spdx() -> None:
    assert serpent.licence_uri("GPL-3.0-or-later") == "https://spdx.org/licenses/GPL-3.0-or-later.html"
    assert "/../" not in serpent.licence_uri("/../../x")


def test_a_query_keeps_what_it_does_not_change() -> None:
    request = RequestFactory().get("/builds/", {"q": "a&b", "page": "1"})
    assert render("{% with_query page=2 %}", request=request) == "?q=a%26b&amp;page=2"
    assert render("{% with_query page=None %}", request=request) == "?q=a%26b"


def test_shares_stay_within_bounds() -> None:
    assert [serpent.percent_of(*pair) for pair in ((1, 4), (9, 4), (None, 4), (1, 0))] == [25.0, 100.0, 0.0, 0.0]


def test_a_letter_keeps_its_colour() -> None:
    assert serpent.letter_colour("zlib") == serpent.letter_colour("zlib")
    assert {serpent.letter_colour(str(number)) for number in range(100)} == set(range(1, 9))


def test_spans_are_told() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert serpent.until(start, start + timedelta(seconds=75)) == "1 min 15 s"
    assert serpent.duration(None) == serpent.amount(None) == "–"
