"""What nobody offers any more once some packages are gone."""

from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.dependency import Capability
from summit.leftovers import Reliance, lost
from summit.publishing import PublishedPackage

_capabilities = st.frozensets(st.sampled_from([Capability.name(text) for text in "abcdef"]), max_size=4)


def package(name: str, provides: frozenset[Capability], depends: frozenset[Capability]) -> PublishedPackage:
    return PublishedPackage(
        name=name,
        source_name=name,
        version="1",
        release=1,
        build_release=1,
        architecture="x86_64",
        provides=provides,
        depends=depends,
    )


_packages = st.lists(st.builds(package, st.sampled_from("pqr"), _capabilities, _capabilities), max_size=5)


@given(leaving=_packages, staying=_packages, base=_capabilities)
def test_whoever_does_not_need_what_is_lost_has_all_it_had(
    leaving: list[PublishedPackage], staying: list[PublishedPackage], base: frozenset[Capability]
) -> None:
    gone = lost(leaving, staying, base)
    before = base.union(*(one.provides for one in (*leaving, *staying)))
    after = base.union(*(one.provides for one in staying))
    assert gone == before - after
    for one in staying:
        assert bool(one.depends & gone) == (one.depends & before != one.depends & after)


def test_the_sentence_counts_in_the_singular_and_the_plural() -> None:
    one = (package("p", frozenset(), frozenset()), "main/volatile", Capability.name("a"))
    assert Reliance(packages=(one,)).sentence == "1 published package needs it"
    assert Reliance(packages=(one, one), hidden=1).sentence == "2 published packages and 1 recipe need it"
    assert Reliance().is_empty
