"""What every page says in the same way: status badges, times, sizes, commits, letters, the sidebar."""

import re
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from django import template
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from serpent_infra import words
from serpent_infra.wire.reports import FailureKind

register = template.Library()

# The tone (and so the colour) of every status that a page shows; the word itself is always written out.
_TONES = {
    "good": (
        "added",
        "completed",
        "succeeded",
        "published",
        "online",
        "accepted",
        "approve",
        "current",
        "official",
        "done",
    ),
    "busy": (
        *("upgraded", "building", "publishing", "verifying", "running", "fetching", "refreshing", "offered", "new"),
        *("starting", "ordered"),
    ),
    "wait": ("queued", "requested", "waiting", "blocked", "draining", "newer", "pending", "warning", "lost"),
    "bad": ("removed", "failed", "refused", "rejected", "broken", "silent", "unsatisfiable", "expired-lease", "error"),
    "review": ("in-review", "proposed", "ready"),
}
_TONE_OF = {status: tone for tone, statuses in _TONES.items() for status in statuses}
_FAILURES: dict[str, str] = {
    FailureKind.RECIPE: "The recipe cannot be read",
    FailureKind.DEPENDENCY: "A dependency is missing",
    FailureKind.FETCH: "An upstream cannot be had",
    FailureKind.HASH_MISMATCH: "An upstream has another hash",
    FailureKind.PHASE: "A phase failed",
    FailureKind.PACKAGING: "It cannot be packaged",
    FailureKind.MANIFEST_MISMATCH: "It is not what its manifest promises",
    FailureKind.TIME_LIMIT: "It took too long",
    FailureKind.SILENCE_LIMIT: "It fell silent",
    FailureKind.LOG_LIMIT: "It logged too much",
    FailureKind.BUILDER_LOST: "The builder was lost",
    FailureKind.OUT_OF_MEMORY: "It ran out of memory",
    FailureKind.DISK_FULL: "The builder's disk is full",
    FailureKind.SANDBOX: "The sandbox failed",
    FailureKind.HUB: "The hub failed",
}
_LETTERS = 8
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\-_])|[\x00-\x08\x0b-\x0c\x0e-\x1f]")
_SECTIONS = (
    ("Home", "home", "summit:home", "home"),
    ("Collections", "collections", "summit:project_list", "collections"),
    ("Builds", "builds", "summit:build_list", "builds"),
    ("Queue", "queue", "summit:queue", "queue"),
    ("Campaigns", "campaigns", "summit:campaign_list", "campaigns"),
    ("Builders", "builders", "avalanche:builder_list", "builders"),
    ("Repository", "repository", "vessel:channel_list", "repository"),
    ("Users", "users", "users", "users"),
)


@register.filter
def tone(status: str) -> str:
    """Gives the tone of a status (`good`, `busy`, `wait`, `bad`, `review`), or nothing for a quiet one."""
    return _TONE_OF.get(str(status), "")


@register.inclusion_tag("components/_status.html", name="status")
def status_badge(status: str, label: str = "") -> dict[str, str]:
    """Shows a status as a word and a colour; the one template that owns badges draws it."""
    value = str(status)
    words_of_it = label or value.replace("-", " ").replace("_", " ")
    return {"tone": _TONE_OF.get(value, ""), "label": words_of_it[:1].upper() + words_of_it[1:]}


@register.simple_tag
def when(moment: datetime | None) -> SafeString:
    """Shows a moment relative to now, with the absolute one on hover; the script keeps it true."""
    if moment is None:
        return format_html('<span class="muted">{}</span>', "never")
    text = words.relative(moment, now=timezone.now())
    return format_html('<time datetime="{}" title="{}" data-when>{}</time>', moment.isoformat(), _exact(moment), text)


@register.simple_tag
def elapsed(since: datetime | None) -> SafeString:
    """Shows how long something has been going on; the script keeps it running."""
    if since is None:
        return SafeString("")
    text = words.duration(timezone.now() - since)
    title = f"since {_exact(since)}"
    return format_html('<time datetime="{}" title="{}" data-since>{}</time>', since.isoformat(), title, text)


@register.filter
def duration(length: float | timedelta | None) -> str:
    """Says a number of seconds or a timedelta in words, a dash for none."""
    return "–" if length is None else words.duration(length)


@register.filter
def until(start: datetime, end: datetime) -> str:
    """Says how long it was from one moment to another."""
    return words.duration(end - start)


@register.filter
def seconds_since(moment: datetime) -> float:
    """Gives the seconds that have gone by since a moment."""
    return (timezone.now() - moment).total_seconds()


@register.filter
def amount(size: float | None) -> str:
    """Says a number of bytes in binary units, a dash for none."""
    return "–" if size is None else words.amount(size)


@register.filter
def failure_title(kind: str) -> str:
    """Says in a few words what a named kind of failure is; an unknown kind is shown as it is."""
    return _FAILURES.get(str(kind), str(kind).replace("-", " ").capitalize() or "Failed")


@register.filter
def plain(text: str) -> str:
    """Takes the colours and other escape sequences of a terminal out of a log; escaping is left to the template."""
    return _ESCAPES.sub("", text)


@register.filter
def short(identifier: object) -> str:
    """Cuts a commit, hash or UUID to the twelve characters that people compare."""
    return str(identifier)[:12]


@register.filter
def letter_colour(name: str) -> int:
    """Gives the colour of a name's letter, 1 to 8, the same on every page."""
    return zlib.crc32(name.encode()) % _LETTERS + 1


@register.filter
def licence_uri(licence: str) -> str:
    """Gives the SPDX page of a licence."""
    return f"https://spdx.org/licenses/{quote(licence, safe='')}.html"


@register.filter
def is_web(address: str) -> bool:
    """Says whether an address that a stranger wrote may become a link: `http` or `https`, nothing else."""
    return str(address).lower().startswith(("http://", "https://"))


@register.filter
def percent_of(part: float | None, whole: float | None) -> float:
    """Gives `part` in percent of `whole`, between 0 and 100; 0 where either is unknown."""
    if not part or not whole:
        return 0.0
    return round(min(max(part / whole * 100, 0.0), 100.0), 1)


@register.inclusion_tag("components/_navigation.html", takes_context=True)
def navigation(context: dict[str, Any]) -> dict[str, object]:
    """Shows the sections whose app is installed and marks the one of this page (the view's `section`)."""
    section = context.get("section", "")
    entries = []
    for label, key, name, icon in _SECTIONS:
        try:
            uri = reverse(name)
        except NoReverseMatch:
            if key != "home":
                continue
            uri = "/"
        entries.append({"label": label, "uri": uri, "icon": icon, "is_current": key == section})
    return {"entries": entries}


@register.simple_tag(takes_context=True)
def with_query(context: dict[str, Any], **changes: object) -> str:
    """Gives this page's query string with `changes` made; None or an empty text removes a key."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    for key, value in changes.items():
        if value in {None, ""}:
            query.pop(key, None)
        else:
            query[key] = str(value)
    return f"?{query.urlencode()}"


def _exact(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
