"""The next contents of a channel, the difference of two, and the merge of a branch."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vessel.collection import Item, Key, NotAdmissible, admit, difference, merge, withdraw


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


def of(source: str, *items: Item) -> list[Item]:
    return [replace(one, source_name=source) for one in items]


def test_a_merge_takes_what_the_branch_changed_and_nothing_else() -> None:
    origin = contents(item("nano"), item("zlib"), item("curl"))
    branch = contents(item("nano", build=2), item("zlib"), item("curl"), item("tool"))
    target = contents(item("nano"), item("zlib", release=2), item("curl"))
    merged = merge(origin=origin, branch=branch, target=target)
    assert merged.kept == ()
    assert merged.contents == contents(item("nano", build=2), item("zlib", release=2), item("curl"), item("tool"))


@pytest.mark.parametrize("present", [item(release=2), item(build=3), item(build=2, sha256="other bytes")])
def test_what_the_target_has_newer_it_keeps_and_says_so(present: Item) -> None:
    merged = merge(origin=contents(item()), branch=contents(item(build=2)), target=contents(present))
    assert (merged.contents, merged.kept) == (contents(present), (present,))


def test_the_packages_of_a_source_come_from_one_side() -> None:
    old = of("gcc", item("gcc"), item("libgcc"))
    rebuilt = of("gcc", item("gcc", build=2), item("libgcc", build=2), item("gcc-docs", build=2))
    newer = of("gcc", item("libgcc", release=2))  # gcc itself was split off meanwhile
    merged = merge(origin=contents(*old), branch=contents(*rebuilt), target=contents(*newer))
    assert merged.contents == contents(*newer)
    assert merged.kept == tuple(newer)


def test_a_merge_that_was_done_already_changes_nothing() -> None:
    origin, branch = contents(item()), contents(item(build=2), item("tool"))
    once = merge(origin=origin, branch=branch, target=origin)
    assert merge(origin=origin, branch=branch, target=once.contents) == once


_names = st.sampled_from(["a", "b", "c", "d"])
_sources = {"a": "s", "b": "s", "c": "t", "d": "t"}
_somewhere = st.dictionaries(_names, st.tuples(st.integers(1, 3), st.integers(1, 3))).map(
    lambda chosen: contents(
        *(replace(item(name, release=r, build=b), source_name=_sources[name]) for name, (r, b) in chosen.items())
    )
)


@given(origin=_somewhere, branch=_somewhere, target=_somewhere)
def test_a_merge_never_goes_back_and_never_mixes(
    origin: dict[Key, Item], branch: dict[Key, Item], target: dict[Key, Item]
) -> None:
    merged = merge(origin=origin, branch=branch, target=target)
    taken = {one for one in merged.contents.values() if target.get(one.key) != one}
    assert taken <= set(branch.values()) - set(origin.values())
    for one in taken:
        present = target.get(one.key)
        assert present is None or present.order < one.order
    assert not {one.source_name for one in taken} & {one.source_name for one in merged.kept}
    assert not {one.source_name for one in taken} & {one.source_name for one in merged.withdrawn}
    for key in target.keys() - merged.contents.keys():
        gone = target[key]
        assert key not in branch, "what the branch makes stays"
        assert any(one.source == gone.source and one.order > gone.order for one in merged.contents.values())
    for one in merged.withdrawn:
        assert one.source in {item.source for item in origin.values()}
        assert one.source not in {item.source for item in (*target.values(), *merged.contents.values())}


def test_what_a_newer_build_makes_no_more_leaves() -> None:
    old = of("gcc", item("gcc"), item("libgcc"), item("gcc-dbginfo"))
    new = of("gcc", item("gcc", release=2), item("gcc-dbginfo", release=2))
    others = [item("zlib"), *of("gcc", item("libgcc", architecture="aarch64"))]
    assert admit(contents(*old, *others), new) == contents(*new, *others)


def test_a_rebuild_of_the_release_counts_as_newer() -> None:
    old = of("gcc", item("gcc"), item("gcc-dbginfo"))
    assert admit(contents(*old), of("gcc", item("gcc", build=2))) == contents(*of("gcc", item("gcc", build=2)))


def test_the_same_build_again_takes_nothing_away() -> None:
    present = contents(*of("gcc", item("gcc"), item("libgcc")))
    assert admit(present, of("gcc", item("gcc"))) == present


def test_a_package_that_moved_to_another_source_stays() -> None:
    moved = of("llvm", item("libunwind", release=7))
    present = contents(*of("gcc", item("gcc")), *moved)
    newer = of("gcc", item("gcc", release=2))
    assert admit(present, newer) == contents(*newer, *moved)


def test_a_package_may_move_once_its_old_source_has_let_it_go() -> None:
    moved = of("llvm", item("libunwind", release=2))
    present = contents(*of("gcc", item("gcc", release=5), item("libunwind", release=5)))
    with pytest.raises(NotAdmissible, match="lower release"):
        admit(present, moved)
    gone = admit(present, of("gcc", item("gcc", release=6)))
    assert admit(gone, moved) == contents(*of("gcc", item("gcc", release=6)), *moved)


def test_an_older_build_does_not_bring_back_what_a_newer_one_let_go() -> None:
    present = contents(*of("gcc", item("gcc", release=3)))
    with pytest.raises(NotAdmissible, match=r"libgcc 8\.4-2 .* lower release than the published gcc 8\.4-3"):
        admit(present, of("gcc", item("libgcc", release=2)))


def test_what_a_branch_makes_no_more_leaves_with_the_merge() -> None:
    old = of("gcc", item("gcc"), item("libgcc"))
    rebuilt = of("gcc", item("gcc", build=2))
    merged = merge(origin=contents(*old), branch=contents(*rebuilt), target=contents(*old, item("nano")))
    assert merged.contents == contents(*rebuilt, item("nano"))


def test_a_merge_does_not_bring_back_what_the_target_has_let_go() -> None:
    origin = contents(item("nano"), item("zlib"))
    branch = contents(item("nano", build=2), item("zlib", build=2))
    merged = merge(origin=origin, branch=branch, target=contents(item("zlib")))
    assert merged.contents == contents(item("zlib", build=2))
    assert (merged.kept, merged.withdrawn) == ((), (item("nano", build=2),))


_SOURCES = st.sampled_from(["s", "t"])
_scattered = st.dictionaries(_names, st.tuples(_SOURCES, st.integers(1, 3), st.integers(1, 2))).map(
    lambda chosen: contents(
        *(replace(item(name, release=r, build=b), source_name=source) for name, (source, r, b) in chosen.items())
    )
)
_builds = st.tuples(_SOURCES, st.sets(_names, min_size=1), st.integers(1, 3), st.integers(1, 2)).map(
    lambda one: of(one[0], *(item(name, release=one[2], build=one[3]) for name in sorted(one[1])))
)


@given(current=_scattered, made=_builds)
def test_a_build_replaces_its_source_and_touches_no_other(current: dict[Key, Item], made: list[Item]) -> None:
    source, order, keys = made[0].source, made[0].order, {one.key for one in made}
    own = {one for one in current.values() if one.source == source}
    try:
        after = admit(current, made)
    except NotAdmissible:
        assert any(one.order >= order for one in current.values() if one in own or one.key in keys)
        return
    assert {after[key] for key in keys} == set(made)
    assert {one for one in after.values() if one.source == source} == {*made, *(o for o in own if o.order == order)}
    for key, one in current.items():
        if one.source != source and key not in keys:
            assert after[key] == one
    assert after.keys() <= current.keys() | keys
    assert admit(after, made) == after


@given(current=_scattered, builds=st.lists(_builds, max_size=4))
def test_no_source_ever_goes_back(current: dict[Key, Item], builds: list[list[Item]]) -> None:
    for made in builds:
        newest = max((one.order for one in current.values() if one.source == made[0].source), default=(0, 0))
        try:
            current = admit(current, made)
        except NotAdmissible:
            continue
        assert max(one.order for one in current.values() if one.source == made[0].source) >= newest


@given(current=_scattered, source=_SOURCES, unseen=st.booleans())
def test_a_withdrawal_takes_a_source_and_nothing_that_was_not_seen(
    current: dict[Key, Item], source: str, *, unseen: bool
) -> None:
    own = sorted((one for one in current.values() if one.source_name == source), key=str)
    seen = [str(one) for one in own[1 if unseen else 0 :]]
    if unseen and own:
        with pytest.raises(NotAdmissible, match="published since"):
            withdraw(current, (source, "x86_64"), seen=seen)
        return
    after = withdraw(current, (source, "x86_64"), seen=seen)
    assert set(after.values()) == set(current.values()) - set(own)
    assert withdraw(after, (source, "x86_64"), seen=[]) == after
    assert withdraw(current, (source, "aarch64"), seen=[]) == current
