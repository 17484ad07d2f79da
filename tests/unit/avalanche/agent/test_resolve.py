"""The closure of a build root's dependencies."""

from avalanche.agent.tools.builtin.resolve import Candidate, Resolution, resolve
from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.stone.meta import Meta


def candidate(name: str, *, depends: str = "", provides: str = "", release: int = 1, priority: int = 0) -> Candidate:
    meta = Meta(
        name=name,
        version="1",
        release=release,
        build_release=1,
        architecture="x86_64",
        summary="",
        description="",
        source_id=name,
        homepage="",
        depends=frozenset(map(Capability.parse, depends.split())),
        provides=frozenset(map(Capability.parse, provides.split())),
    )
    return Candidate(meta=meta, priority=priority, uri=f"{name}.stone", sha256=f"{name}{release}{priority}")


def resolved(wanted: str, *candidates: Candidate, base: str = "") -> Resolution:
    offered = set(map(Capability.parse, base.split()))
    return resolve(
        [(Capability.parse(text), "the recipe") for text in wanted.split()], candidates, offered.__contains__
    )


def names(resolution: Resolution) -> list[str]:
    return [found.meta.name for found in resolution.packages]


def test_runtime_dependencies_are_followed_through_any_provider() -> None:
    found = resolved(
        "pkgconfig(png)",
        candidate("png-devel", provides="pkgconfig(png)", depends="png pkgconfig(z)"),
        candidate("png", depends="soname(libz.so)"),
        candidate("z", provides="soname(libz.so)"),
        candidate("z-devel", provides="pkgconfig(z)", depends="z"),
        candidate("unrelated"),
    )

    assert names(found) == ["png", "png-devel", "z", "z-devel"]
    assert found.missing == ()


def test_packages_that_need_each_other_end_the_walk() -> None:
    assert names(resolved("a", candidate("a", depends="b"), candidate("b", depends="a"))) == ["a", "b"]


def test_the_base_image_stands_in_only_for_what_no_remote_provides() -> None:
    found = resolved(
        "binary(make) binary(cc)", candidate("make", provides="binary(make)"), base="binary(make) binary(cc)"
    )

    assert names(found) == ["make"]
    assert found.from_base == (Capability.parse("binary(cc)"),)


def test_what_is_missing_is_named_with_who_needs_it() -> None:
    found = resolved("a gone", candidate("a", depends="soname(libgone.so)"))

    assert sorted(map(str, found.missing)) == [
        "gone, which the recipe needs",
        "soname(libgone.so), which a needs",
    ]


def test_the_remote_of_higher_priority_wins_over_the_higher_release() -> None:
    found = resolved("a", candidate("a", release=9), candidate("a", release=1, priority=1))

    assert [(one.meta.release, one.priority) for one in found.packages] == [(1, 1)]


def test_within_a_remote_the_higher_release_wins() -> None:
    assert [
        one.meta.release for one in resolved("a", candidate("a", release=2), candidate("a", release=10)).packages
    ] == [10]


def test_a_shadowed_package_provides_nothing() -> None:
    old = candidate("a", provides="soname(liba.so.1)", release=1)
    new = candidate("a", provides="soname(liba.so.2)", release=2)

    assert [str(one.capability) for one in resolved("soname(liba.so.1)", old, new).missing] == ["soname(liba.so.1)"]


def test_nothing_wanted_is_nothing_installed() -> None:
    assert resolved("", candidate("a")) == Resolution(packages=(), from_base=(), missing=())
