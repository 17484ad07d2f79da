"""Taking the packages of a source out of a stream: one version, once, and never what nobody looked at."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from serpent_infra.formats.index import read_index
from tests.factories.vessel import bring_in, later, make_meta, make_order, make_stone, make_stream
from vessel import branches, intake, interfaces, tree, withdraw
from vessel.check import findings
from vessel.interfaces import ChannelMismatch, NotAdmissible, UnknownStream, WithdrawalOrder, Withdrawn
from vessel.models import Channel, Import, Stream, StreamMove, Version, Withdrawal
from vessel.publish import contents_of
from vessel.sweep import sweep
from vessel.versions import move_stream

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _all_is_as_the_rows_say() -> Iterator[None]:
    yield
    if connection.vendor == "sqlite" or connection.in_atomic_block:  # a test of threads looks for itself
        for channel in Channel.objects.all():
            assert list(findings(channel)) == []


@pytest.fixture
def stream(stones: Path) -> Stream:
    stream = make_stream()
    bring_in([make_stone(stones, make_meta("zlib"))], at=later(1))
    names = ("gcc", "libgcc", "gcc-dbginfo")
    bring_in([make_stone(stones, make_meta(name, source_id="gcc")) for name in names], at=later(2))
    return stream


def order(**changes: object) -> WithdrawalOrder:
    _, packages = interfaces.published_packages(
        channel="main", stream="volatile", architecture="x86_64", source_name="gcc"
    )
    fields: dict[str, Any] = {
        "reference": "withdrawal-1",
        "channel": "main",
        "stream": "volatile",
        "architecture": "x86_64",
        "source_name": "gcc",
        "seen": tuple(str(package) for package in packages),
        "who": "ada",
        "why": "nobody maintains it",
    }
    return WithdrawalOrder(**(fields | changes))


def do(wanted: WithdrawalOrder, *, at: float = 9) -> Withdrawn:
    return interfaces.withdraw_packages(order=wanted, at=later(at))


def offered(public_dir: Path) -> set[str]:
    """Reads the stream as a client does."""
    return {meta.name for meta in read_index(public_dir / "main/stream/volatile/x86_64/stone.index")}


def test_they_leave_in_one_version_that_says_who_and_why(stream: Stream, public_dir: Path, client: Client) -> None:
    count = Version.objects.count()
    done = do(order())
    assert done.removed == ("gcc", "gcc-dbginfo", "libgcc")
    assert offered(public_dir) == {"zlib"}
    assert Version.objects.count() == count + 1
    version = Version.objects.get(pk=done.version)
    assert (version.removed, version.packages, version.summary) == (3, 1, "gcc withdrawn: nobody maintains it")
    move = StreamMove.objects.latest("pk")
    assert (move.to_version, move.who, move.why) == (version, "ada", "gcc withdrawn: nobody maintains it")
    page = client.get(reverse("vessel:version_detail", args=["main", version.pk])).content.decode()
    for text in ("3 removed", "gcc-dbginfo", "by ada", "nobody maintains it"):
        assert text in page


def test_asking_again_changes_nothing_even_after_a_build_came_back(
    stream: Stream, stones: Path, public_dir: Path
) -> None:
    wanted = order()
    first = do(wanted)
    bring_in([make_stone(stones, make_meta("gcc"), content=b"built anew")], at=later(20))
    count = Version.objects.count()
    assert do(wanted, at=21) == first
    assert Version.objects.count() == count
    assert offered(public_dir) == {"gcc", "zlib"}


def test_moving_the_stream_back_brings_them_back(stream: Stream, public_dir: Path) -> None:
    done = do(order())
    version = Version.objects.get(pk=done.version)
    assert version.parent is not None
    move_stream(stream=stream, version=version.parent, expected=version, who="ann", why="needed", at=later(10))
    assert offered(public_dir) == {"gcc", "gcc-dbginfo", "libgcc", "zlib"}


def test_what_is_gone_already_needs_no_version(stream: Stream) -> None:
    wanted = order(reference="second")
    first = do(order())
    count = Version.objects.count()
    assert do(wanted) == Withdrawn(version=first.version, removed=())
    assert Version.objects.count() == count


def test_other_architectures_and_sources_stay(stream: Stream, stones: Path, public_dir: Path) -> None:
    arm = make_meta("gcc", architecture="aarch64")
    bring_in([make_stone(stones, arm)], at=later(3))
    bring_in([make_stone(stones, make_meta("libgcc", source_id="llvm", release=7))], at=later(4))
    do(order())
    assert offered(public_dir) == {"zlib", "libgcc"}
    assert [meta.name for meta in read_index(public_dir / "main/stream/volatile/aarch64/stone.index")] == ["gcc"]


def test_nothing_goes_where_something_newer_was_published_since(stream: Stream, stones: Path, public_dir: Path) -> None:
    wanted = order()
    bring_in([make_stone(stones, make_meta("gcc", release=2))], at=later(3))
    with pytest.raises(NotAdmissible, match=r"gcc 8\.4-2 \(x86_64, build 1\) has been published since"):
        do(wanted)
    assert offered(public_dir) == {"gcc", "zlib"}
    assert not Withdrawal.objects.exists()


def test_nothing_goes_while_an_import_of_it_is_under_way(stream: Stream, stones: Path, public_dir: Path) -> None:
    wanted = order()
    coming = make_order([make_stone(stones, make_meta("gcc", release=2))])
    intake.request(order=coming, reply_to="test.settle", at=later(3))
    with pytest.raises(NotAdmissible, match="being published to main/volatile at this moment"):
        do(wanted)
    Import.objects.get(reference=coming.reference).refuse(problem="never mind", at=later(4))
    do(wanted)
    assert offered(public_dir) == {"zlib"}


def test_nothing_is_taken_out_of_a_branch_or_of_nowhere(stream: Stream) -> None:
    branches.begin(channel="main", stream="volatile", branch="campaign-1", at=later(3))
    with pytest.raises(ChannelMismatch, match="is a branch"):
        do(order(stream="campaign-1"))
    with pytest.raises(UnknownStream):
        do(order(stream="nowhere"))


def test_a_branch_that_rebuilt_it_does_not_bring_it_back(stream: Stream, stones: Path, public_dir: Path) -> None:
    branches.begin(channel="main", stream="volatile", branch="campaign-1", at=later(3))
    rebuilt = [make_stone(stones, make_meta(name, source_id="gcc", build_release=2)) for name in ("gcc", "libgcc")]
    bring_in(rebuilt, at=later(4), stream="campaign-1")
    do(order())
    merged = branches.merge_into(
        channel="main", branch="campaign-1", stream="volatile", who="ada", why="", at=later(10)
    )
    assert merged.kept == ("gcc 8.4-1 (build 2), which has left it since",)
    assert offered(public_dir) == {"zlib"}


def test_a_full_disk_takes_it_back_and_asking_again_goes_on(
    stream: Stream, public_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = order()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tree, "write_index", full)
        with pytest.raises(OSError, match="No space"):
            do(wanted)
    assert not Withdrawal.objects.exists()
    assert len(offered(public_dir)) == 4
    assert do(wanted, at=11).removed == ("gcc", "gcc-dbginfo", "libgcc")
    assert offered(public_dir) == {"zlib"}


@pytest.mark.parametrize("finisher", ["the sweep", "whoever asks again"])
def test_one_that_died_half_way_is_finished(
    stream: Stream, public_dir: Path, monkeypatch: pytest.MonkeyPatch, finisher: str
) -> None:
    wanted = order()

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("vessel.publish.finish", die)
        with pytest.raises(Killed):
            do(wanted)
    assert len(offered(public_dir)) == 4, "a reader sees the old version"
    if finisher == "the sweep":
        sweep(at=later(12))
        assert offered(public_dir) == {"zlib"}
    assert do(wanted, at=13).removed == ("gcc", "gcc-dbginfo", "libgcc")
    assert offered(public_dir) == {"zlib"}
    assert StreamMove.objects.filter(who="ada").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite's test database is in memory, for one thread")
def test_doubled_orders_and_imports_at_once_have_one_outcome(stream: Stream, stones: Path, public_dir: Path) -> None:
    wanted = order()
    count = Version.objects.count()
    results: list[object] = []
    others = [make_stone(stones, make_meta(f"p{number}")) for number in range(3)]

    def run(act: Any) -> None:
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001 - shown below
            results.append(error)
        finally:
            connections.close_all()

    acts = [lambda: do(wanted)] * 4 + [lambda path=path: bring_in([path], at=later(9)).status for path in others]
    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result for result in results if isinstance(result, Exception)] == []
    assert len({result for result in results if isinstance(result, Withdrawn)}) == 1
    assert Withdrawal.objects.count() == StreamMove.objects.filter(who="ada").count() == 1
    assert Version.objects.count() <= count + 4
    assert offered(public_dir) == {"zlib", "p0", "p1", "p2"}
    stream.refresh_from_db()
    assert stream.version is not None
    assert {item.name for item in contents_of(stream.version).values()} == offered(public_dir)
    assert list(findings(stream.channel)) == []


def test_the_order_says_what_it_was_decided_upon(stream: Stream) -> None:
    assert (
        withdraw.withdraw_source(order=order(seen=("something else",), source_name="nano"), at=later(9)).removed == ()
    )
    with pytest.raises(NotAdmissible):
        do(order(reference="other", seen=("gcc 8.4-1 (x86_64, build 1)",)))
