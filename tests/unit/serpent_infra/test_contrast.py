"""The colours of tokens.css hold WCAG 2.2 AA in both schemes: 4.5 for text, 3 for the edges of controls."""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).resolve().parents[3] / "static" / "css" / "tokens.css"
TEXT = [
    *(
        (word, ground)
        for word in ("text", "muted", "link")
        for ground in ("ground", "surface", "sunken", "hover", "raised")
    ),
    ("on-accent", "accent"),
    ("accent", "surface"),
    ("accent", "hover"),
    *(("side-text", ground) for ground in ("side", "side-raised")),
    *(("side-strong", ground) for ground in ("side", "side-raised")),
    *((tone, f"{tone}-ground") for tone in ("good", "busy", "wait", "bad", "review", "quiet")),
    ("text", "bad-ground"),
    ("text", "good-ground"),
    ("text", "mark"),
    ("bad", "surface"),
    *(("text", f"{tone}-ground") for tone in ("busy", "wait", "review")),
    *((word, "log") for word in ("log-text", "log-muted", "log-error")),
    ("log-error", "log-error-ground"),
    ("log-text", "log-mark"),
]
EDGES = [
    *(("line-strong", ground) for ground in ("surface", "ground", "sunken")),
    *(("focus", ground) for ground in ("surface", "ground", "sunken")),
    ("side-accent", "side"),
    *((f"series-{number}", "surface") for number in range(1, 9)),
]


def colours(scheme: int) -> dict[str, str]:
    """Reads the tokens of one scheme: 0 light, 1 dark."""
    found = {}
    for name, value in re.findall(r"--([\w-]+):\s*([^;]+);", TOKENS.read_text()):
        both = re.fullmatch(r"light-dark\((#\w{6}), (#\w{6})\)", value)
        if both:
            found[name] = both[scheme + 1]
        elif re.fullmatch(r"#\w{6}", value):
            found[name] = value
    return found


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read(scheme: int) -> None:
    known = colours(scheme)
    faint = {pair: round(contrast(known[pair[0]], known[pair[1]]), 2) for pair in TEXT}
    assert {pair: value for pair, value in faint.items() if value < 4.5} == {}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_letters_can_be_read(scheme: int) -> None:
    known = colours(scheme)
    letters = {name: contrast("#ffffff", value) for name, value in known.items() if name.startswith("letter-")}
    assert len(letters) == 8
    assert {name: value for name, value in letters.items() if value < 4.5} == {}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_edges_can_be_seen(scheme: int) -> None:
    known = colours(scheme)
    faint = {pair: round(contrast(known[pair[0]], known[pair[1]]), 2) for pair in EDGES}
    assert {pair: value for pair, value in faint.items() if value < 3} == {}
