"""The next contents of a channel and the difference of two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vessel.collection import Item, Key, NotAdmissible, admit, difference


def item(
    name: str = "nano", *, release: int = 1, build: int = 1, sha256: str = "", architecture: str = "x86_64"
) -> Item:
    return Item(
        name=name,
        architecture=architecture,
        source_name=name,
        version="8.4",
        release=release,
        build_release=build,
        sha256=sha256 or f"{name}-{release}-{build}-{architecture}",
        size=10,
        stone=release * 100 + build,
    )


def contents(*items: Item) -> dict[Key, Item]:
    return {one.key: one for one in items}


def test_a_new_name_is_added() -> None:
    after = admit(contents(item("nano")), [item("zlib")])
    assert {key[0] for key in after} == {"nano", "zlib"}


@pytest.mark.parametrize(("release", "build"), [(2, 1), (2, 9), (1, 2), (3, 1)])
def test_a_newer_stone_takes_the_place(release: int, build: int) -> None:
    newer = item(release=release, build=build)
    assert admit(contents(item()), [newer]) == contents(newer)


@pytest.mark.parametrize(
    ("release", "build", "sha256", "reason"),
    [
        (4, 9, "", "lower release"),
        (5, 2, "", "lower build release"),
        (5, 3, "other", "with other bytes"),
    ],
)
def test_what_may_not_follow_is_refused_with_the_reason(release: int, build: int, sha256: str, reason: str) -> None:
    present = item(release=5, build=3)
    with pytest.raises(NotAdmissible, match=reason) as caught:
        admit(contents(present), [item(release=release, build=build, sha256=sha256)])
    assert "nano 8.4-5" in str(caught.value) or reason == "with other bytes"


def test_the_same_stone_again_changes_nothing() -> None:
    present = contents(item())
    assert difference(present, admit(present, [item()])).is_empty


def test_architectures_do_not_meet() -> None:
    arm = item(release=1, architecture="aarch64")
    after = admit(contents(item(release=5)), [arm])
    assert after[arm.key] == arm
    assert len(after) == 2


def test_two_stones_of_one_name_in_one_import_are_refused() -> None:
    with pytest.raises(NotAdmissible, match="two stones"):
        admit({}, [item(release=1), item(release=2)])


def test_an_index_that_would_overflow_is_refused() -> None:
    full = contents(*(item(f"p{number}") for number in range(65_535)))
    admit(full, [item("p7", release=2)])
    with pytest.raises(NotAdmissible, match="65,535"):
        admit(full, [item("one-more")])


def test_an_import_is_admitted_whole_or_not_at_all() -> None:
    present = contents(item("nano", release=5))
    with pytest.raises(NotAdmissible):
        admit(present, [item("zlib"), item("nano", release=4)])
    assert present == contents(item("nano", release=5))


def test_the_summary_names_sources_and_is_short() -> None:
    changes = difference({}, contents(*(item(f"p{number}") for number in range(9))))
    assert changes.summary == "p0 8.4-1, p1 8.4-1, p2 8.4-1, p3 8.4-1, p4 8.4-1, 4 more"
    assert difference(contents(item()), {}).summary == "1 removed"
    assert difference({}, {}).summary == "no change"


items = st.builds(
    item,
    st.sampled_from(["a", "b", "c", "d"]),
    release=st.integers(1, 3),
    build=st.integers(1, 2),
    architecture=st.sampled_from(["x86_64", "aarch64"]),
)
collections = st.lists(items).map(lambda many: contents(*many))


@given(collections, collections)
def test_applying_a_difference_gives_the_other_contents(old: dict[Key, Item], new: dict[Key, Item]) -> None:
    changes = difference(old, new)
    result = dict(old)
    for gone in changes.removed:
        del result[gone.key]
    for added in changes.added:
        assert added.key not in result
        result[added.key] = added
    for change in changes.replaced:
        assert result[change.old.key] == change.old
        result[change.new.key] = change.new
    assert result == new


@given(collections, collections)
def test_a_difference_read_backwards_undoes_it(old: dict[Key, Item], new: dict[Key, Item]) -> None:
    forth, back = difference(old, new), difference(new, old)
    assert forth.added == back.removed
    assert forth.removed == back.added
    assert [(one.old, one.new) for one in forth.replaced] == [(one.new, one.old) for one in back.replaced]


@given(collections, collections)
def test_what_is_admitted_never_goes_back(current: dict[Key, Item], incoming: dict[Key, Item]) -> None:
    try:
        after = admit(current, incoming.values())
    except NotAdmissible:
        assert any(key in current and one.order < current[key].order for key, one in incoming.items())
    else:
        assert all(after[key].order >= one.order for key, one in current.items())
        assert difference(after, admit(after, incoming.values())).is_empty
