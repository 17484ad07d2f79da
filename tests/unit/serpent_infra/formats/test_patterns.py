"""The regular expressions of recipes."""

import time

import pytest

from serpent_infra.formats.patterns import MAX_LENGTH, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        (r"soname\(libKF6.*.so.*\)", "soname(libKF6Archive.so.6(x86_64))", True),
        (r"^libc", "soname(libc.so.6)", False),
        (r"(?i)LIBC", "soname(libc.so.6)", True),
        (r"[[:alpha:]]+\d", "lib6", True),
        (r"\pL\z", "ä", True),
        ("", "anything", True),
    ],
)
def test_an_expression_is_found_anywhere(pattern: str, text: str, *, is_found: bool) -> None:
    assert compile_pattern(pattern)(text) is is_found


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing )"),
        ("a(?=b)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("a{5000}", "invalid repetition size"),
        (r"(\pL{100}){9}", "too large"),
        ("x" * (MAX_LENGTH + 1), "501 characters are too many"),
    ],
)
def test_what_the_engine_does_not_have_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        compile_pattern(pattern)


def test_no_expression_takes_for_ever() -> None:
    search = compile_pattern("(a+)+(a|aa)*$")
    began = time.process_time()
    assert not search("a" * 100_000 + "!")
    assert time.process_time() - began < 2
