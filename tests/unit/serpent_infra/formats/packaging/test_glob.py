"""Path patterns against the rules of Rust's `glob`."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.packaging.glob import glob_expression
from serpent_infra.formats.packaging.rules import Rule, Rules


def matches(pattern: str, path: str) -> bool:
    expression = glob_expression(pattern)
    return expression is not None and re.compile(f"{expression}\\Z", re.DOTALL).match(path) is not None


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*", "/usr/bin/nano"),
        ("/usr/lib/*.a", "/usr/lib/deep/down/libx.a"),
        ("/usr/lib/lib*.so", "/usr/lib/libx/y.so"),
        ("/usr/b?n", "/usr/b/n"),
        ("/usr/*", "/usr/.hidden"),
        ("/usr/**/x", "/usr/x"),
        ("/usr/**/x", "/usr/a/b/x"),
        ("/usr/**", "/usr/a/b"),
        ("**/x", "x"),
        ("**/x", "/usr/x"),
        ("/[a-c]x", "/bx"),
        ("/[!a-c]x", "/dx"),
        ("/[]]x", "/]x"),
        ("/[!]]x", "/ax"),
        ("/[a-]x", "/-x"),
        ("/[-a]x", "/-x"),
        ("/a*b*c", "/abbc"),
        ("/*\n*", "/a\nb"),
        ("/x.y", "/x.y"),
        ("/**/**/x", "/a/x"),
    ],
)
def test_a_pattern_matches(pattern: str, path: str) -> None:
    assert matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/usr/lib/*.a", "/usr/lib/libx.so"),
        ("/usr/**/x", "/usr/ax"),
        ("**/x", "ax"),
        ("/usr/bin", "/usr/bin/nano"),
        ("/USR", "/usr"),
        ("/{a,b}", "/a"),
        ("/\\*", "/*"),
        ("/[!a-c]x", "/bx"),
        ("/[c-a]x", "/bx"),
        ("/x.y", "/xzy"),
        ("/a*b", "/a"),
    ],
)
def test_a_pattern_does_not_match(pattern: str, path: str) -> None:
    assert not matches(pattern, path)


@pytest.mark.parametrize("pattern", ["***", "a**", "**a", "/usr/**x/y", "/[", "/[]", "/[!]", "/[a", "x/****"])
def test_an_invalid_pattern_is_none(pattern: str) -> None:
    assert glob_expression(pattern) is None


def test_no_pattern_makes_matching_slow() -> None:
    started = time.process_time()
    assert not matches("/*a" * 30 + "b", "/a" * 2000)
    assert not matches("/**/a" * 30 + "/b", "/a" * 2000)
    assert time.process_time() - started < 2


def slow_match(pattern: str, path: str) -> bool:
    """The definition, one token at a time, for valid patterns whose classes hold no `]`."""
    if not pattern:
        return not path
    if pattern == "**":
        return True
    if pattern.startswith("**/"):
        starts = [0, *(place + 1 for place, character in enumerate(path) if character == "/")]
        return any(slow_match(pattern[3:], path[start:]) for start in starts) or pattern == "**/"
    if pattern.startswith("*"):
        return any(slow_match(pattern[1:], path[start:]) for start in range(len(path) + 1))
    if pattern.startswith("["):
        content, _, rest = pattern[1:].partition("]")
        is_member = bool(path) and (path[0] in content.removeprefix("!")) is not content.startswith("!")
        return is_member and slow_match(rest, path[1:])
    return bool(path) and pattern[0] in {"?", path[0]} and slow_match(pattern[1:], path[1:])


tokens = st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]", "[!*]", "[b*]"])
components = st.lists(tokens, min_size=1, max_size=4).map("".join).filter(lambda text: "**" not in text)
patterns = st.lists(components | st.just("**"), min_size=1, max_size=4).map("/".join)


@given(patterns, st.text("ab/", max_size=10))
def test_matching_agrees_with_the_definition(pattern: str, path: str) -> None:
    assert matches(pattern, path) == slow_match(pattern, path)


@given(patterns, st.sampled_from(["", "/"]), st.text("ab/*?[", max_size=8))
def test_a_rule_takes_what_equals_it_what_it_matches_and_all_below(pattern: str, end: str, rest: str) -> None:
    """Against the definition of a rule: the path's special characters stand wrapped, a final slash is taken away."""
    pattern, path = f"/{pattern}{end}", f"/{rest}"
    wrapped = re.sub(r"[?*\[\]]", r"[\g<0>]", path)
    taken = pattern == path or any(slow_match(one, wrapped) for one in (pattern, f"{pattern.removesuffix('/')}/**"))
    rules = Rules([Rule("*", "all"), Rule(pattern, "it")])
    assert rules.package_of(path) == ("it" if taken else "all")
