"""What exclusions take away."""

import time

import pytest

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.exclusion import Exclusion


@pytest.mark.parametrize(
    ("pattern", "text", "taken"),
    [
        (r"soname\(libjvm\.so\(.*\)\)", "soname(libjvm.so(x86_64))", True),
        (r"soname\(/usr/lib/.*/lpeg.so.*\)", "soname(/usr/lib/lua/5.1/lpeg.so(x86_64))", True),
        (r"libQt6.*.so.*\)", "soname(libQt6Core.so.6(x86_64))", True),
        ("zlib", "pkgconfig(zlib)", True),
        ("^zlib", "pkgconfig(zlib)", False),
        (r"name\(foo\)$", "name(foo)", True),
        ("ZLIB", "pkgconfig(zlib)", False),
    ],
)
def test_patterns_are_searched_for_anywhere_in_the_text(pattern: str, text: str, *, taken: bool) -> None:
    assert Exclusion(["never", pattern], "x").takes(text) is taken
    capability = Capability.parse(text)
    assert Exclusion(["never", pattern], "x").rest([capability]) == (frozenset() if taken else {capability})


@pytest.mark.parametrize("pattern", ["(", "[", "*", "a{2,1}", "(?P<", "(?=x)", "(" * 5000])
def test_a_pattern_that_is_none_is_named(pattern: str) -> None:
    with pytest.raises(PackagingError, match=r"^nano: the exclusion .* is no regular expression"):
        Exclusion([pattern], "nano")


def test_no_pattern_holds_a_builder_up() -> None:
    started = time.process_time()
    assert not Exclusion(["(a+)+b", "(a|aa)*c", "(a*)*d"], "x").takes("a" * 10_000)
    assert time.process_time() - started < 2
