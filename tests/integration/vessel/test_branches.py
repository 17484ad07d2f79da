"""Branches: begun by a pointer, read over their origin, merged in one version or dropped without a trace."""

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections

from serpent_infra.formats.index import read_index
from tests.factories.vessel import bring_in, later, make_meta, make_order, make_stone, make_stream
from vessel import branches, intake, publish, tree, versions
from vessel.changes import changes_of
from vessel.check import findings
from vessel.models import Branch, Import, Membership, Stone, Stream, StreamMove, Version
from vessel.orders import ChannelMismatch, UnknownStream
from vessel.prune import prune
from vessel.publish import contents_of
from vessel.states import ImportStatus
from vessel.sweep import sweep

pytestmark = pytest.mark.django_db

PACKAGES = ("curl", "nano", "zlib")
BRANCH = "campaign-1"


@pytest.fixture
def stream(stones: Path) -> Stream:
    """A stream with three packages of release 1, and a branch of it."""
    stream = make_stream()
    for number, name in enumerate(PACKAGES):
        bring_in([make_stone(stones, make_meta(name))], at=later(number))
    branches.begin(channel="main", stream="volatile", branch=BRANCH, at=later(10))
    stream.refresh_from_db()
    return stream


@pytest.fixture(autouse=True)
def _all_is_as_the_rows_say() -> Iterator[None]:
    yield
    if connection.vendor != "sqlite" and connection.in_atomic_block is False:
        return  # a test of threads looks for itself
    for stream in Stream.objects.select_related("channel"):
        assert list(findings(stream.channel)) == []


def build(stones: Path, name: str, *, at: float, to: str = BRANCH, build: int = 2, release: int = 1) -> Import:
    meta = make_meta(name, release=release, build_release=build)
    return bring_in([make_stone(stones, meta, content=f"{to} {at}".encode())], at=later(at), stream=to)


def merge(at: float = 50, *, who: str = "ada", why: str = "campaign 1") -> tuple[str, tuple[str, ...]]:
    done = branches.merge_into(channel="main", branch=BRANCH, stream="volatile", who=who, why=why, at=later(at))
    return done.version, done.kept


def drop(at: float = 60) -> bool:
    return branches.drop(channel="main", branch=BRANCH, at=later(at))


def held(name: str) -> dict[str, tuple[int, int]]:
    version = Stream.objects.select_related("version").get(name=name).version
    assert version is not None
    return {item.name: item.order for item in contents_of(version).values()}


def offered(public_dir: Path, stream: str) -> dict[str, tuple[int, int]]:
    """Reads a stream as a client does."""
    metas = read_index(public_dir / f"main/stream/{stream}/x86_64/stone.index")
    return {meta.name: (meta.release, meta.build_release) for meta in metas}


def test_a_branch_begins_at_the_cost_of_a_pointer(stream: Stream, public_dir: Path) -> None:
    assert Membership.objects.count() == len(PACKAGES)
    assert held(BRANCH) == held("volatile") == dict.fromkeys(PACKAGES, (1, 1))
    assert offered(public_dir, BRANCH) == offered(public_dir, "volatile")
    assert Branch.objects.get().origin == stream.version


def test_what_is_published_in_a_branch_costs_its_changes_and_stays_there(
    stream: Stream, stones: Path, public_dir: Path
) -> None:
    build(stones, "zlib", at=20)
    build(stones, "curl", at=21)
    build(stones, "curl", at=22, build=3)
    build(stones, "tool", at=23)
    assert Membership.objects.count() == len(PACKAGES) + 4
    assert held(BRANCH) == {"curl": (1, 3), "nano": (1, 1), "tool": (1, 2), "zlib": (1, 2)}
    assert offered(public_dir, BRANCH) == held(BRANCH)
    assert held("volatile") == offered(public_dir, "volatile") == dict.fromkeys(PACKAGES, (1, 1))
    latest = Version.objects.latest("pk")
    assert (latest.added, latest.upgraded, latest.packages, latest.base) == (1, 0, 4, stream.version)
    kinds = {version.pk: [change.kind for change in changes_of(version)] for version in Version.objects.order_by("pk")}
    assert list(kinds.values())[-4:] == [["upgraded"], ["upgraded"], ["upgraded"], ["added"]]


def test_a_merge_is_one_version_that_holds_all(stream: Stream, stones: Path, public_dir: Path) -> None:
    build(stones, "zlib", at=20)
    build(stones, "curl", at=21)
    bring_in([make_stone(stones, make_meta("nano", release=2))], at=later(30))  # the target moved on
    before = Version.objects.filter(lineage=stream).count()
    version, kept = merge()
    assert kept == ()
    assert Version.objects.filter(lineage=stream).count() == before + 1
    assert held("volatile") == offered(public_dir, "volatile") == {"curl": (1, 2), "nano": (2, 1), "zlib": (1, 2)}
    made = Version.objects.get(pk=version)
    assert (made.lineage, made.base, made.summary, made.upgraded) == (stream, None, "campaign 1", 2)
    move = StreamMove.objects.latest("pk")
    assert (move.to_version, move.who, move.why) == (made, "ada", "campaign 1")


def test_what_the_stream_has_newer_it_keeps(stream: Stream, stones: Path) -> None:
    build(stones, "zlib", at=20)
    build(stones, "curl", at=21)
    build(stones, "curl", at=30, to="volatile", build=3)
    _, kept = merge()
    assert kept == ("curl 8.4-1 (build 3)",)
    assert held("volatile") == {"curl": (1, 3), "nano": (1, 1), "zlib": (1, 2)}


def test_merging_again_gives_the_same_and_changes_nothing(stream: Stream, stones: Path) -> None:
    build(stones, "zlib", at=20)
    first = merge()
    build(stones, "zlib", at=51, to="volatile", build=3)
    count = Version.objects.count()
    assert merge(55, who="eve") == first
    assert drop()
    assert merge(65) == first, "even when the branch is gone"
    assert Version.objects.count() == count
    assert held("volatile")["zlib"] == (1, 3)


def test_a_merge_that_changes_nothing_makes_no_version(stream: Stream) -> None:
    count = Version.objects.count()
    assert merge() == (str(stream.version_id), ())
    assert Version.objects.count() == count


@pytest.mark.parametrize("is_merged", [False, True])
def test_a_dropped_branch_leaves_nothing_but_rows(
    stream: Stream, stones: Path, public_dir: Path, *, is_merged: bool
) -> None:
    build(stones, "zlib", at=20)
    if is_merged:
        merge()
    before = (held("volatile"), Stream.objects.get(name="volatile").version_id)
    assert drop()
    assert drop(61), "again is as good as once"
    assert (held("volatile"), Stream.objects.get(name="volatile").version_id) == before
    assert not (public_dir / f"main/stream/{BRANCH}").exists()
    own = Version.objects.filter(lineage__name=BRANCH)
    assert own
    assert all(version.pruned_at and not (public_dir / f"main/history/{version}").exists() for version in own)
    prune(retention=timedelta(days=14), at=later(70))
    stone = Stone.objects.get(name="zlib", build_release=2)
    assert (stone.pruned_at is None) is is_merged
    with pytest.raises(UnknownStream):
        intake.request(order=make_order([make_stone(stones)], stream=BRANCH), reply_to="test.settle", at=later(71))
    with pytest.raises(ChannelMismatch, match="is dropped"):
        branches.begin(channel="main", stream="volatile", branch=BRANCH, at=later(72))
    with pytest.raises(ChannelMismatch, match="is dropped"):
        publish.begin_stream(channel="main", stream=BRANCH, architectures=(), official=True, at=later(73))


def test_what_was_dropped_before_it_began_never_begins(stream: Stream) -> None:
    assert branches.drop(channel="main", branch="late", at=later(1))
    assert branches.drop(channel="main", branch="late", at=later(1))
    with pytest.raises(ChannelMismatch, match="dropped before it was one"):
        branches.begin(channel="main", stream=stream.name, branch="late", at=later(1))
    assert not Branch.objects.filter(stream__name="late").exists()


def test_a_branch_is_not_dropped_under_an_import(stream: Stream, stones: Path) -> None:
    order = make_order([make_stone(stones, make_meta("zlib", build_release=2))], stream=BRANCH)
    intake.request(order=order, reply_to="test.settle", at=later(20))
    assert not drop()
    assert BRANCH in Stream.objects.live().values_list("name", flat=True)
    Import.objects.get(reference=order.reference).refuse(problem="never mind", at=later(61))
    assert drop(62)


def test_retention_keeps_what_a_branch_lies_over(stream: Stream, stones: Path, public_dir: Path) -> None:
    origin = stream.version
    assert origin is not None
    build(stones, "zlib", at=20)
    for release in (2, 3):
        for name in PACKAGES:
            bring_in([make_stone(stones, make_meta(name, release=release))], at=later(30))
    prune(retention=timedelta(days=1), at=later(86400 * 9))
    assert Version.objects.get(pk=origin.pk).is_kept
    assert offered(public_dir, BRANCH) == {"curl": (1, 1), "nano": (1, 1), "zlib": (1, 2)}
    drop(86400 * 9)
    prune(retention=timedelta(days=1), at=later(86400 * 9))
    assert not Version.objects.get(pk=origin.pk).is_kept


def test_a_branch_with_nothing_of_its_own_begins_anew(stream: Stream, stones: Path) -> None:
    bring_in([make_stone(stones, make_meta("nano", release=2))], at=later(11))
    branches.begin(channel="main", stream="volatile", branch=BRANCH, at=later(12))
    assert held(BRANCH)["nano"] == (2, 1)
    build(stones, "zlib", at=20)
    bring_in([make_stone(stones, make_meta("nano", release=3))], at=later(21))
    branches.begin(channel="main", stream="volatile", branch=BRANCH, at=later(22))
    assert held(BRANCH) == {"curl": (1, 1), "nano": (2, 1), "zlib": (1, 2)}, "it has something: it stays"


def test_a_branch_of_a_branch_is_a_copy(stream: Stream, stones: Path) -> None:
    build(stones, "zlib", at=20)
    branches.begin(channel="main", stream=BRANCH, branch="second", at=later(21))
    build(stones, "curl", at=22, to="second")
    assert held("second") == {"curl": (1, 2), "nano": (1, 1), "zlib": (1, 2)}
    assert Version.objects.latest("pk").base is None


def test_a_branch_is_never_moved_but_others_may_point_to_it(stream: Stream, stones: Path) -> None:
    build(stones, "zlib", at=20)
    branch = Stream.objects.get(name=BRANCH)
    own = branch.version
    assert own is not None
    with pytest.raises(versions.NotMovable, match="is a branch"):
        versions.move_stream(
            stream=branch, version=Branch.objects.get().origin, expected=own, who="ada", why="", at=later(21)
        )
    stable = make_stream(stream="stable", at=later(22))
    versions.move_stream(stream=stable, version=own, expected=stable.version, who="ada", why="", at=later(23))
    assert drop()
    assert held("stable")["zlib"] == (1, 2), "what another stream points to stays"


@pytest.mark.parametrize(
    ("channel", "source", "name", "error"),
    [
        ("main", "nowhere", "campaign-2", UnknownStream),
        ("none", "volatile", "campaign-2", UnknownStream),
        ("main", "volatile", "volatile", ChannelMismatch),
        ("main", "volatile", "../up", ValueError),
    ],
)
def test_what_cannot_be_a_branch_is_refused(
    stream: Stream, channel: str, source: str, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        branches.begin(channel=channel, stream=source, branch=name, at=later(11))
    assert Branch.objects.count() == 1


def test_only_a_branch_is_merged(stream: Stream) -> None:
    with pytest.raises(ChannelMismatch, match="no branch"):
        branches.merge_into(channel="main", branch="volatile", stream="volatile", who="", why="", at=later(11))
    with pytest.raises(UnknownStream):
        branches.merge_into(channel="main", branch="nowhere", stream="volatile", who="", why="", at=later(11))
    assert drop()
    with pytest.raises(UnknownStream, match="is dropped"):
        merge()


def test_a_merge_that_the_disk_refuses_is_taken_back(
    stream: Stream, stones: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(stones, "zlib", at=20)
    before = held("volatile")

    def full(_version: Version) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(tree, "write_history", full)
        with pytest.raises(OSError, match="No space"):
            merge()
    assert held("volatile") == before
    assert Branch.objects.get().merged_in is None
    merge(55)
    assert held("volatile")["zlib"] == (1, 2)


def test_a_merge_that_died_half_way_is_finished_by_the_sweep(
    stream: Stream, stones: Path, public_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(stones, "zlib", at=20)
    with monkeypatch.context() as patch:
        patch.setattr(branches, "finish", lambda *_, **__: None)  # as if killed right after the rows
        merge()
    assert offered(public_dir, "volatile")["zlib"] == (1, 1)
    assert held("volatile")["zlib"] == (1, 1)
    sweep(at=later(55))
    assert offered(public_dir, "volatile")["zlib"] == held("volatile")["zlib"] == (1, 2)
    assert merge(56)[0] == str(Stream.objects.get(name="volatile").version_id)
    assert StreamMove.objects.latest("pk").who == "ada"


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite's test database is in memory, for one thread")
def test_publishers_that_merge_at_once_make_one_version(stream: Stream, stones: Path, public_dir: Path) -> None:
    for number, name in enumerate(PACKAGES):
        build(stones, name, at=20 + number)
    count = Version.objects.count()
    results: list[object] = []
    seen: list[frozenset[tuple[int, int]]] = []
    is_over = threading.Event()

    def publish_it() -> None:
        try:
            results.append(merge())
        except Exception as error:  # noqa: BLE001 - shown below
            results.append(error)
        finally:
            connections.close_all()

    def read() -> None:
        while not is_over.is_set():
            seen.append(frozenset(offered(public_dir, "volatile").values()))

    reader = threading.Thread(target=read)
    threads = [threading.Thread(target=publish_it) for _ in range(6)]
    for thread in (reader, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    is_over.set()
    reader.join()
    assert len(set(results)) == 1, results
    assert Version.objects.count() == count + 1
    assert set(seen) <= {frozenset({(1, 1)}), frozenset({(1, 2)})}, "a reader sees the old version or all of the new"
    assert list(findings(stream.channel)) == []
    assert {subject.status for subject in Import.objects.all()} == {ImportStatus.PUBLISHED}
