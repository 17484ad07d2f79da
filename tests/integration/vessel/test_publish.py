"""A new version as one operation: contents, lineages, files, batches, and who may be in an official channel."""

import os
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from serpent_infra.formats.index import read_index
from serpent_infra.formats.root_index import decode_root_index
from tests.factories.vessel import AT, artefact, bring_in, later, make_meta, make_order, make_stone, make_stream
from vessel import disk, intake, tree
from vessel.check import findings
from vessel.models import Channel, Import, Membership, Stone, Stream, StreamMove, Version
from vessel.orders import ChannelMismatch
from vessel.publish import begin_stream, contents_of, publish_ready
from vessel.states import ImportStatus
from vessel.versions import move_stream

pytestmark = pytest.mark.django_db


def names(version: Version | None) -> dict[str, int]:
    assert version is not None
    return {item.name: item.release for item in contents_of(version).values()}


def pointed(stream: Stream) -> Version:
    stream.refresh_from_db()
    assert stream.version is not None
    return stream.version


def test_a_stream_begins_with_an_empty_version_on_disk(public_dir: Path) -> None:
    stream = make_stream()
    version = pointed(stream)
    index = public_dir / f"main/history/{version}/x86_64/stone.index"
    assert read_index(index) == []
    assert (public_dir / "main/stream/volatile/x86_64/stone.index").samefile(index)
    assert list(findings(stream.channel)) == []


def test_beginning_a_stream_again_changes_nothing(public_dir: Path) -> None:
    first = make_stream()
    before = sorted(os.walk(public_dir))
    again = make_stream(at=later(60))
    assert (again.pk, again.version_id) == (first.pk, first.version_id)
    assert sorted(os.walk(public_dir)) == before


def test_a_further_architecture_gets_an_index_in_a_new_version(public_dir: Path) -> None:
    first = make_stream()
    begin_stream(channel="main", stream="volatile", architectures=("aarch64",), official=True, at=later(5))
    version = pointed(first)
    assert version.architectures == ["aarch64", "x86_64"]
    assert {path.name for path in (public_dir / f"main/history/{version}").iterdir()} == {"aarch64", "x86_64"}


def test_a_channel_stays_official_or_not() -> None:
    make_stream(official=True)
    with pytest.raises(ChannelMismatch):
        make_stream(official=False)


@pytest.mark.parametrize("name", ["../main", "", ".current", "a/b", "-x"])
def test_a_name_that_is_no_directory_is_refused(public_dir: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        begin_stream(channel=name, stream="volatile", architectures=(), official=False, at=AT)
    assert not public_dir.exists()


def test_a_version_holds_what_was_published(stones: Path, public_dir: Path) -> None:
    stream = make_stream()
    nano = make_stone(stones, make_meta("nano", release=3))
    devel = make_stone(stones, make_meta("nano-devel", release=3, source_id="nano"))
    subject = bring_in([nano, devel], at=later(1))
    assert subject.status == ImportStatus.PUBLISHED, subject.problem
    version = pointed(stream)
    assert subject.version == version
    assert (version.added, version.upgraded, version.removed, version.packages) == (2, 0, 0, 2)
    assert version.summary == "nano 8.4-3"
    metas = read_index(public_dir / "main/stream/volatile/x86_64/stone.index")
    assert [meta.name for meta in metas] == ["nano", "nano-devel"]
    assert metas[0].uri == "../../../pool/v0/n/nano/nano-8.4-3-1-x86_64.stone"
    stored = public_dir / "main/stream/volatile/x86_64" / metas[0].uri
    assert stored.resolve().read_bytes() == nano.read_bytes()
    assert (metas[0].hash, metas[0].size) == (artefact(nano).sha256, nano.stat().st_size)
    root = decode_root_index((public_dir / "main/moss-root-index.json").read_bytes())
    assert root.streams["volatile"].history == str(version)
    assert list(root.history) == [str(version), str(version.parent_id)]
    assert list(findings(stream.channel)) == []


def test_a_version_costs_its_changes(stones: Path) -> None:
    stream = make_stream()
    for number in range(5):
        bring_in([make_stone(stones, make_meta(f"p{number}"))], at=later(number))
    rows = Membership.objects.count()
    bring_in([make_stone(stones, make_meta("p0", release=2))], at=later(9))
    assert Membership.objects.count() == rows + 1
    assert names(pointed(stream)) == {"p0": 2, "p1": 1, "p2": 1, "p3": 1, "p4": 1}
    assert names(pointed(stream).parent) == {"p0": 1, "p1": 1, "p2": 1, "p3": 1, "p4": 1}


def test_an_index_is_sorted_by_source_and_name(stones: Path, public_dir: Path) -> None:
    make_stream()
    for name, source in [("zlib", "a"), ("b", "z"), ("a", "z"), ("Z", "a")]:
        bring_in([make_stone(stones, make_meta(name, source_id=source))])
    metas = read_index(public_dir / "main/stream/volatile/x86_64/stone.index")
    assert [meta.name for meta in metas] == ["Z", "zlib", "a", "b"]


def test_each_architecture_has_its_own_index(stones: Path, public_dir: Path) -> None:
    stream = make_stream()
    bring_in([make_stone(stones, make_meta("nano", architecture="aarch64"))], at=later(1))
    version = pointed(stream)
    assert [meta.name for meta in read_index(public_dir / f"main/history/{version}/aarch64/stone.index")] == ["nano"]
    assert read_index(public_dir / f"main/history/{version}/x86_64/stone.index") == []
    assert list(findings(stream.channel)) == []


def test_identifiers_rise_even_within_a_second(stones: Path) -> None:
    stream = make_stream()
    identifiers = [pointed(stream).pk]
    for release in (1, 2, 3):
        bring_in([make_stone(stones, make_meta(release=release))], at=AT)
        identifiers.append(pointed(stream).pk)
    assert identifiers == [int(AT.timestamp()) + number for number in range(4)]


def test_what_is_published_already_needs_no_version(stones: Path) -> None:
    stream = make_stream()
    stone = make_stone(stones)
    first = bring_in([stone], at=later(1))
    again = bring_in([stone], at=later(2))
    assert again.status == ImportStatus.PUBLISHED
    assert again.version == first.version == pointed(stream)
    assert Stone.objects.count() == 1


@pytest.mark.parametrize(
    ("release", "build", "content", "words"),
    [
        (1, 1, None, "lower release"),
        (2, 1, None, "lower build release"),
        (2, 2, b"other", "with other bytes"),
    ],
)
def test_what_may_not_follow_is_refused(
    stones: Path, release: int, build: int, content: bytes | None, words: str
) -> None:
    stream = make_stream()
    bring_in([make_stone(stones, make_meta(release=2, build_release=2))], at=later(1))
    before = pointed(stream)
    stone = make_stone(stones, make_meta(release=release, build_release=build), content=content)
    subject = bring_in([stone], at=later(2))
    assert subject.status == ImportStatus.REFUSED
    assert words in subject.problem
    assert not subject.is_infrastructure_problem
    assert pointed(stream) == before
    assert list(findings(stream.channel)) == []


def make_ready(paths: list[Path], *, seconds: float) -> Import:
    """Brings an import to where only its publication is missing."""
    order = make_order(paths)
    intake.request(order=order, reply_to="test.settle", at=later(seconds))
    subject = Import.objects.get(reference=order.reference)
    subject.start(at=later(seconds))
    directory = intake.import_dir(subject)
    directory.mkdir(parents=True)
    for path in paths:
        (directory / path.name).write_bytes(path.read_bytes())
    subject.verify(at=later(seconds))
    metas = intake._verify(order, directory)
    intake._take_in(subject, order, metas, at=later(seconds))
    return subject


def test_verified_imports_go_into_one_version(stones: Path) -> None:
    stream = make_stream()
    first = pointed(stream)
    subjects = [make_ready([make_stone(stones, make_meta(f"p{number}"))], seconds=number) for number in range(4)]
    stale = make_ready([make_stone(stones, make_meta("p0"), content=b"other")], seconds=5)
    version = publish_ready(stream, at=later(9))
    assert version is not None
    assert version.parent == first
    assert names(version) == {"p0": 1, "p1": 1, "p2": 1, "p3": 1}
    for subject in subjects:
        subject.refresh_from_db()
        assert (subject.status, subject.version) == (ImportStatus.PUBLISHED, version)
    stale.refresh_from_db()
    assert stale.status == ImportStatus.REFUSED
    assert publish_ready(stream, at=later(10)) is None


def test_a_full_disk_takes_the_rows_back_and_defers(stones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = make_stream()
    before = pointed(stream)
    subject = make_ready([make_stone(stones)], seconds=1)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tree, "write_index", full)
        with pytest.raises(OSError, match="No space"):
            publish_ready(stream, at=later(2))
    subject.refresh_from_db()
    assert subject.status == ImportStatus.REQUESTED
    assert subject.problem == "the indexes could not be written: No space left on device"
    assert pointed(stream) == before
    assert Version.objects.count() == 1
    assert Membership.objects.count() == 0
    assert list(findings(stream.channel)) == []
    intake.process(reference=subject.reference, clock=lambda: later(10))
    subject.refresh_from_db()
    assert subject.status == ImportStatus.PUBLISHED
    assert list(findings(stream.channel)) == []


def test_streams_have_lineages_of_their_own(stones: Path) -> None:
    volatile = make_stream()
    stable = make_stream(stream="stable", at=later(1))
    bring_in([make_stone(stones, make_meta("nano"))], at=later(2))
    bring_in([make_stone(stones, make_meta("zlib"))], at=later(3), stream="stable")
    assert names(pointed(volatile)) == {"nano": 1}
    assert names(pointed(stable)) == {"zlib": 1}
    assert list(findings(volatile.channel)) == []


def test_after_a_rollback_the_next_import_builds_on_what_is_pointed_to(stones: Path) -> None:
    stream = make_stream()
    for number, (name, release) in enumerate([("nano", 1), ("zlib", 1), ("nano", 2), ("curl", 1)]):
        bring_in([make_stone(stones, make_meta(name, release=release))], at=later(number + 1))
    head = pointed(stream)
    assert head.parent is not None
    assert head.parent.parent is not None
    old = head.parent.parent
    move_stream(stream=stream, version=old, expected=head, who="ann", why="nano 2 is broken", at=later(10))
    assert names(pointed(stream)) == {"nano": 1, "zlib": 1}
    subject = bring_in([make_stone(stones, make_meta("vim"))], at=later(11))
    version = pointed(stream)
    assert subject.version == version
    assert version.parent == old
    assert (version.added, version.upgraded, version.removed) == (1, 0, 0)
    assert names(version) == {"nano": 1, "zlib": 1, "vim": 1}
    assert names(head) == {"nano": 2, "zlib": 1, "curl": 1}
    assert list(findings(stream.channel)) == []


def test_after_a_rollback_the_same_release_may_come_with_other_bytes(stones: Path, public_dir: Path) -> None:
    stream = make_stream()
    first = pointed(stream)
    bring_in([make_stone(stones)], at=later(1))
    move_stream(stream=stream, version=first, expected=pointed(stream), who="ann", why="broken", at=later(2))
    rebuilt = make_stone(stones, content=b"not reproducible")
    subject = bring_in([rebuilt], at=later(3))
    assert subject.status == ImportStatus.PUBLISHED, subject.problem
    (meta,) = read_index(public_dir / "main/stream/volatile/x86_64/stone.index")
    assert meta.uri is not None
    assert meta.uri.endswith(f"/nano/{artefact(rebuilt).sha256[:16]}/nano-8.4-1-1-x86_64.stone")
    assert (public_dir / "main/stream/volatile/x86_64" / meta.uri).resolve().read_bytes() == rebuilt.read_bytes()
    assert list(findings(stream.channel)) == []


def test_after_a_promotion_an_import_continues_the_own_lineage(stones: Path) -> None:
    volatile = make_stream()
    stable = make_stream(stream="stable", at=later(1))
    bring_in([make_stone(stones, make_meta("nano"))], at=later(2))
    promoted = pointed(volatile)
    move_stream(stream=stable, version=promoted, expected=pointed(stable), who="ann", why="tested", at=later(3))
    bring_in([make_stone(stones, make_meta("zlib"))], at=later(4), stream="stable")
    assert names(pointed(stable)) == {"nano": 1, "zlib": 1}
    assert (pointed(stable).lineage, pointed(stable).parent) == (stable, promoted)
    assert names(pointed(volatile)) == {"nano": 1}
    assert list(findings(volatile.channel)) == []


def test_every_move_keeps_a_row(stones: Path) -> None:
    stream = make_stream()
    bring_in([make_stone(stones)], at=later(1))
    moves = StreamMove.objects.filter(stream=stream).order_by("pk")
    assert [(move.from_version_id, move.to_version_id, move.why) for move in moves] == [
        (None, int(AT.timestamp()), "the stream begins"),
        (int(AT.timestamp()), int(later(1).timestamp()), "nano 8.4-1"),
    ]


def test_a_test_build_enters_a_test_channel(stones: Path) -> None:
    make_stream("canary", official=False)
    assert bring_in([make_stone(stones)], channel="canary", trusted=False).status == ImportStatus.PUBLISHED


def test_a_test_build_for_an_official_channel_is_refused_at_once(stones: Path) -> None:
    make_stream()
    subject = bring_in([make_stone(stones)], trusted=False)
    assert subject.status == ImportStatus.REFUSED
    assert "official" in subject.problem
    assert Stone.objects.count() == 0


def test_an_official_build_of_the_same_bytes_makes_a_stone_trusted(stones: Path) -> None:
    make_stream("canary", official=False)
    stone = make_stone(stones)
    bring_in([stone], channel="canary", trusted=False)
    bring_in([stone], channel="canary", trusted=True, provenance={"builder": "official-1"})
    known = Stone.objects.get()
    assert known.is_trusted
    assert known.provenance == {"builder": "official-1"}


def refused(**change: object) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(name="nano", architecture="x86_64", **change)


def test_the_database_keeps_test_builds_out_of_official_channels(stones: Path) -> None:
    official = make_stream()
    canary = make_stream("canary", official=False)
    bring_in([make_stone(stones)], channel="canary", trusted=False)
    stone = Stone.objects.get()
    refused(stream=official, stone=stone, added_in=pointed(official))
    member = Membership.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(pk=member.pk).update(stream=official)
    with pytest.raises(IntegrityError), transaction.atomic():
        Stone.objects.filter(pk=stone.pk).update(channel=official.channel)
    with pytest.raises(IntegrityError), transaction.atomic():
        Stream.objects.filter(pk=canary.pk).update(channel=official.channel)
    for channel in Channel.objects.all():
        with pytest.raises(IntegrityError), transaction.atomic():
            Channel.objects.filter(pk=channel.pk).update(is_official=not channel.is_official)


def test_the_database_keeps_untrusted_stones_out_even_of_the_right_pool(stones: Path) -> None:
    official = make_stream()
    bring_in([make_stone(stones)])
    stone = Stone.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Stone.objects.filter(pk=stone.pk).update(is_trusted=False)
    stone.pk = None
    stone.sha256, stone.pool_path, stone.is_trusted = "0" * 64, "pool/v0/n/nano/other.stone", False
    stone.save()
    refused(stream=official, stone=stone, added_in=pointed(official))


def test_one_version_at_a_time_is_in_the_making() -> None:
    stream = make_stream()
    Version.objects.create(identifier=1, channel=stream.channel, lineage=stream, created_at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.create(identifier=2, channel=stream.channel, lineage=stream, created_at=AT)


def test_disk_and_rows_agree_after_a_directory_was_left_half_written(stones: Path, public_dir: Path) -> None:
    stream = make_stream()
    leftover = disk.temporary_name(public_dir / "main/history/1767225601")
    (leftover / "x86_64").mkdir(parents=True)
    bring_in([make_stone(stones)], at=later(1))
    assert list(findings(stream.channel)) == []
