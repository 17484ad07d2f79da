"""Which lines of a log travel with a failure."""

from hypothesis import given
from hypothesis import strategies as st

from avalanche.agent.tools.builtin.excerpt import excerpt
from serpent_infra.wire.reports import EXCERPT_LIMIT

NOISE = [f"checking for thing {number}... yes" for number in range(200)]


def test_a_compilers_error_is_shown_with_what_stands_before_it() -> None:
    lines = [
        *NOISE,
        "src/a.c: In function 'f':",
        "src/a.c:3:5: error: unknown type name 'foo'",
        *NOISE,
        "make: *** [a.o] Error 1",
    ]

    shown = excerpt("\n".join(lines)).splitlines()

    assert shown[1:3] == lines[200:202]
    assert shown[-1] == "make: *** [a.o] Error 1"
    assert "[...]" in shown


def test_the_cause_is_preferred_to_makes_complaint_about_it() -> None:
    lines = ["make[1]: *** [sub] Error 2", *NOISE, "/usr/bin/ld: a.o: undefined reference to `f'"]

    assert "undefined reference to `f'" in excerpt("\n".join(lines))


def test_without_a_known_pattern_the_end_is_shown() -> None:
    assert excerpt("\n".join(NOISE)).splitlines()[-1] == NOISE[-1]
    assert len(excerpt("\n".join(NOISE)).splitlines()) < 40


def test_terminal_sequences_are_left_out() -> None:
    assert excerpt("\x1b[31merror: red\x1b[0m\x07") == "error: red"


@given(st.text())
def test_any_text_gives_a_bounded_excerpt_and_the_same_one_again(text: str) -> None:
    assert len(excerpt(text)) <= EXCERPT_LIMIT
    assert excerpt(text) == excerpt(text)
