"""What sets two manifests apart, said so that people see it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.manifest_difference import (
    FieldChange,
    ListChange,
    ManifestDifference,
    PackageDifference,
    describe,
    difference,
)
from serpent_infra.formats.stone.meta import Meta
from tests.unit.serpent_infra.formats.crafted import SAMPLE
from tests.unit.serpent_infra.formats.strategies import metas

DEVEL = replace(SAMPLE, name="hello-devel", provides=frozenset())
ZLIB, CURL = Capability.name("zlib"), Capability.parse("pkgconfig(libcurl)")


def test_equal_manifests_do_not_differ() -> None:
    found = difference([SAMPLE, DEVEL], [DEVEL, SAMPLE])
    assert found == ManifestDifference()
    assert not found
    assert list(describe(found)) == []


def test_packages_that_come_and_go_are_named() -> None:
    found = difference([SAMPLE, DEVEL], [SAMPLE, replace(SAMPLE, name="hello-docs")])
    assert found == ManifestDifference(added=("hello-docs",), removed=("hello-devel",))
    assert list(describe(found)) == ["+ package hello-docs", "- package hello-devel"]


def test_what_comes_from_the_recipe_is_said_once_and_the_rest_by_package() -> None:
    bumped = [
        replace(
            SAMPLE, version="1.1", release=4, build_depends=(ZLIB, CURL), summary="Greets", depends=frozenset({ZLIB})
        ),
        replace(DEVEL, version="1.1", release=4, build_depends=(ZLIB, CURL), provides=frozenset({CURL})),
    ]
    old = [replace(one, build_depends=(ZLIB,)) for one in (SAMPLE, DEVEL)]
    found = difference(old, bumped)
    assert found == ManifestDifference(
        recipe=(
            FieldChange("version", "1.0", "1.1"),
            FieldChange("release", 3, 4),
            ListChange("build_depends", added=("pkgconfig(libcurl)",)),
        ),
        changed=(
            PackageDifference("hello", (ListChange("depends", ("zlib",), ("soname(libc.so.6(x86_64))",)),)),
            PackageDifference("hello-devel", (ListChange("provides", ("pkgconfig(libcurl)",)),)),
        ),
    )
    assert list(describe(found)) == [
        "all packages",
        "  version: 1.0 → 1.1",
        "  release: 3 → 4",
        "  build dependencies:",
        "    + pkgconfig(libcurl)",
        "hello",
        "  dependencies:",
        "    + zlib",
        "    - soname(libc.so.6(x86_64))",
        "hello-devel",
        "  providers:",
        "    + pkgconfig(libcurl)",
    ]


def test_a_change_of_the_recipe_that_not_all_packages_share_stays_with_its_package() -> None:
    found = difference([SAMPLE, DEVEL], [replace(SAMPLE, version="2"), DEVEL])
    assert found.recipe == ()
    assert found.changed == (PackageDifference("hello", (FieldChange("version", "1.0", "2"),)),)


def test_values_that_would_not_show_are_quoted() -> None:
    after = replace(SAMPLE, summary="", description="one\ntwo", homepage=" x", uri="pool/x")
    lines = list(describe(difference([SAMPLE], [after])))
    assert "  summary: Greets → ''" in lines
    assert "  description: Greets the world → 'one\\ntwo'" in lines
    assert "  homepage: https://example.org/hello → ' x'" in lines
    assert "  uri: (none) → pool/x" in lines


def test_another_order_of_a_list_is_a_difference_too() -> None:
    before, after = (replace(SAMPLE, build_depends=order) for order in ((ZLIB, CURL), (CURL, ZLIB)))
    found = difference([before], [after])
    assert found.recipe == (ListChange("build_depends"),)
    assert list(describe(found)) == ["all packages", "  build dependencies: in another order"]


def test_a_package_named_twice_is_refused() -> None:
    with pytest.raises(FormatError, match="two packages named 'hello'"):
        difference([SAMPLE], [SAMPLE, SAMPLE])


MANIFESTS = st.lists(metas(), max_size=3, unique_by=lambda meta: meta.name)


@given(MANIFESTS, MANIFESTS)
def test_nothing_differs_exactly_where_the_packages_are_the_same(one: list[Meta], other: list[Meta]) -> None:
    same = sorted(one, key=lambda meta: meta.name) == sorted(other, key=lambda meta: meta.name)
    assert bool(difference(one, other)) is not same


@given(MANIFESTS, st.data())
def test_a_difference_read_backwards_swaps_both_sides(packages: list[Meta], data: st.DataObject) -> None:
    changed = [
        replace(meta, summary=data.draw(st.sampled_from(["a", meta.summary])), depends=frozenset({ZLIB}))
        for meta in packages[: data.draw(st.integers(0, len(packages)))]
    ]
    forth, back = difference(packages, changed), difference(changed, packages)
    assert (forth.added, forth.removed) == (back.removed, back.added)
    for there, here in zip(forth.changed, back.changed, strict=True):
        assert there.name == here.name
        for left, right in zip(there.changes, here.changes, strict=True):
            if isinstance(left, FieldChange) and isinstance(right, FieldChange):
                assert (left.before, left.after) == (right.after, right.before)
            elif isinstance(left, ListChange) and isinstance(right, ListChange):
                assert (left.added, left.removed) == (right.removed, right.added)
            else:
                pytest.fail(f"{left} and {right} are of two kinds")


def test_a_name_cannot_pretend_to_be_a_line_of_its_own() -> None:
    hostile = replace(SAMPLE, name="x\n- package glibc", provides=frozenset({Capability.name("y\n    - z")}))
    assert list(describe(difference([], [hostile]))) == ["+ package 'x\\n- package glibc'"]
    after = replace(hostile, provides=frozenset())
    lines = list(describe(difference([hostile], [after])))
    assert lines == ["'x\\n- package glibc'", "  providers:", "    - 'y\\n    - z'"]
