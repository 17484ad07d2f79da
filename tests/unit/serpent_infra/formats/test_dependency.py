"""Capabilities and their text form."""

import pytest
from hypothesis import given

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.errors import FormatError
from tests.unit.serpent_infra.formats.strategies import CAPABILITIES


@given(CAPABILITIES)
def test_a_capability_comes_back_from_its_text(capability: Capability) -> None:
    assert Capability.parse(capability.text) == capability


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("zlib", Kind.NAME, "zlib"),
        ("name(zlib)", Kind.NAME, "zlib"),
        ("soname(libz.so.1(x86_64))", Kind.SONAME, "libz.so.1(x86_64)"),
        ("pkgconfig32(zlib)", Kind.PKGCONFIG32, "zlib"),
    ],
)
def test_the_text_splits_at_the_first_bracket(text: str, kind: Kind, target: str) -> None:
    assert Capability.parse(text) == Capability(kind, target)


@pytest.mark.parametrize("text", ["", "Binary(x)", "binary(x", "binary()", "(x)", "unknown(x)", "binary(x) "])
def test_what_is_no_capability_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        Capability.parse(text)


def test_people_read_a_bare_name_for_a_package() -> None:
    assert str(Capability.name("zlib")) == "zlib"
    assert str(Capability.parse("binary(ls)")) == "binary(ls)"


def test_capabilities_sort_by_their_text() -> None:
    texts = ["binary(b)", "name(a)", "pkgconfig(z)", "pkgconfig32(a)", "soname(a)"]
    assert [one.text for one in sorted(map(Capability.parse, reversed(texts)))] == texts
