"""Two builds of one order compared file by file: the law, and the words for what differs."""

from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind
from summit.comparison import Difference, compare


def files(**hashes: int) -> list[ArtefactInfo]:
    return [
        ArtefactInfo(kind=ArtefactKind.PACKAGE, name=f"{name}.stone", size=1, sha256=f"{number:064x}")
        for name, number in hashes.items()
    ]


builds = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2)).map(lambda hashes: files(**hashes))


@given(builds, builds)
def test_every_file_is_the_same_in_both_or_named_once(first: list[ArtefactInfo], second: list[ArtefactInfo]) -> None:
    found = compare(first, second)
    named = [*found.differing, *found.missing, *found.added]
    assert len(set(named)) == len(named)
    one, other = ({file.name: file.sha256 for file in build} for build in (first, second))
    assert {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)} == set(named)
    assert bool(found) == (one != other)
    assert compare(first, first[::-1]) == Difference(), "the order of a report means nothing"


@given(builds, builds)
def test_the_other_way_round_what_was_missing_was_added(first: list[ArtefactInfo], second: list[ArtefactInfo]) -> None:
    found, turned = compare(first, second), compare(second, first)
    assert (turned.differing, turned.missing, turned.added) == (found.differing, found.added, found.missing)


def test_the_sentence_names_the_files() -> None:
    found = compare(files(a=1, b=1, c=1, gone=1), files(a=2, b=2, c=1, new=1))
    assert str(found) == "a.stone, b.stone differ; gone.stone is missing; new.stone was added"
    many = compare(files(**{f"n{number:02}": 1 for number in range(20)}), [])
    assert str(many).endswith("n11.stone and 8 more are missing")
