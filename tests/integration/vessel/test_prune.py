"""Retention: what is kept, what goes, and that an import is never in its way."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from serpent_infra.formats.root_index import decode_root_index
from tests.factories.vessel import AT, bring_in, later, make_meta, make_order, make_stone, make_stream
from vessel import intake, versions
from vessel.check import findings
from vessel.models import Import, Stone, Stream, Version
from vessel.prune import prune
from vessel.states import ImportStatus

pytestmark = pytest.mark.django_db

DAY = 86400
RETENTION = timedelta(days=14)


@pytest.fixture
def stream(stones: Path) -> Stream:
    """Five versions: empty, then nano 1 to 4, a day apart."""
    stream = make_stream()
    for release in (1, 2, 3, 4):
        bring_in([make_stone(stones, make_meta("nano", release=release))], at=later(release * DAY))
    return stream


def histories(public_dir: Path) -> list[int]:
    return sorted((int(path.name) - int(AT.timestamp())) // DAY for path in (public_dir / "main/history").iterdir())


def files(public_dir: Path) -> list[str]:
    return sorted(path.name.split("-")[2] for path in (public_dir / "main/pool").rglob("*.stone"))


def test_what_is_young_or_named_stays(stream: Stream, public_dir: Path) -> None:
    tagged = Version.objects.order_by("pk")[1]
    versions.tag_version(version=tagged, name="kept", who="ann", at=AT)
    prune(retention=RETENTION, at=later(17.5 * DAY))  # the limit is day 3.5
    assert histories(public_dir) == [1, 4]
    assert files(public_dir) == ["1", "4"]
    root = decode_root_index((public_dir / "main/moss-root-index.json").read_bytes())
    assert len(root.history) == 2
    assert list(findings(stream.channel)) == []


def test_within_the_retention_nothing_goes(stream: Stream, public_dir: Path) -> None:
    prune(retention=RETENTION, at=later(10 * DAY))
    assert histories(public_dir) == [0, 1, 2, 3, 4]
    assert files(public_dir) == ["1", "2", "3", "4"]
    assert list(findings(stream.channel)) == []


def test_the_pointed_to_version_stays_however_old(stream: Stream, public_dir: Path) -> None:
    prune(retention=RETENTION, at=later(1000 * DAY))
    assert histories(public_dir) == [4]
    assert files(public_dir) == ["4"]
    assert list(findings(stream.channel)) == []


def test_rows_stay_so_that_history_can_be_told(stream: Stream) -> None:
    prune(retention=RETENTION, at=later(1000 * DAY))
    assert Version.objects.count() == 5
    assert Stone.objects.filter(pruned_at__isnull=False).count() == 3
    second = Version.objects.order_by("pk")[2]
    assert [change.new.release for change in versions.changes_of(second).replaced] == [2]
    assert stream.moves.count() == 5


@pytest.mark.usefixtures("stream")
def test_a_pruned_stone_that_comes_again_is_stored_again(stones: Path, public_dir: Path) -> None:
    prune(retention=RETENTION, at=later(1000 * DAY))
    stable = make_stream(stream="stable", at=later(1001 * DAY))
    stone = stones / "nano-8.4-1-1-x86_64.stone"
    subject = bring_in([stone], stream="stable", at=later(1002 * DAY))
    assert subject.status == ImportStatus.PUBLISHED, subject.problem
    assert files(public_dir) == ["1", "4"]
    assert list(findings(stable.channel)) == []


def test_a_stone_on_its_way_in_stays(stream: Stream, stones: Path, public_dir: Path) -> None:
    path = make_stone(stones, make_meta("nano", release=5))
    order = make_order([path])
    intake.request(order=order, reply_to="test.settle", at=AT)
    subject = Import.objects.get(reference=order.reference)
    subject.start(at=AT)
    intake.import_dir(subject).mkdir(parents=True)
    (intake.import_dir(subject) / path.name).write_bytes(path.read_bytes())
    subject.verify(at=AT)
    intake._take_in(subject, order, intake._verify(order, intake.import_dir(subject)), at=AT)
    prune(retention=RETENTION, at=later(1000 * DAY))
    assert files(public_dir) == ["4", "5"]
    intake.process(reference=order.reference, clock=lambda: later(1001 * DAY))
    assert list(findings(stream.channel)) == []
    assert files(public_dir) == ["4", "5"]


def test_what_a_refused_import_stored_goes(stream: Stream, stones: Path, public_dir: Path) -> None:
    refused = bring_in([make_stone(stones, make_meta("nano", release=4), content=b"other")], at=later(5 * DAY))
    assert refused.status == ImportStatus.REFUSED
    assert len(files(public_dir)) == 5
    prune(retention=RETENTION, at=later(5 * DAY))
    assert files(public_dir) == ["1", "2", "3", "4"]
    assert list(findings(stream.channel)) == []


def test_after_a_promotion_the_stones_of_the_other_lineage_stay(stream: Stream, public_dir: Path) -> None:
    stable = make_stream(stream="stable", at=later(5 * DAY))
    second = Version.objects.order_by("pk")[2]
    versions.move_stream(stream=stable, version=second, expected=stable.version, who="ann", why="", at=later(6 * DAY))
    prune(retention=RETENTION, at=later(1000 * DAY))
    assert histories(public_dir) == [2, 4]
    assert files(public_dir) == ["2", "4"]
    assert list(findings(stream.channel)) == []


def test_directories_that_no_row_knows_go(stream: Stream, public_dir: Path) -> None:
    stray = public_dir / "main/history/1234567890/x86_64"
    stray.mkdir(parents=True)
    (stray / "stone.index").write_bytes(b"")
    prune(retention=RETENTION, at=later(5 * DAY))
    assert not stray.exists()
    assert list(findings(stream.channel)) == []


def test_what_killed_writers_left_goes_after_an_hour(stream: Stream, public_dir: Path) -> None:
    base = public_dir / "main"
    left = [base / "pool/v0/n/nano/.x", base / "history/.y", base / ".generations/.z", base / ".moss-root-index.json.w"]
    former = [path for path in (base / ".generations").iterdir() if path.name != (base / ".current").readlink().name]
    for path in left:
        path.write_bytes(b"")
    prune(retention=RETENTION, at=later(5 * DAY))
    assert all(path.exists() for path in [*left, *former])
    for path in [*left, *former]:
        os.utime(path, (0, 0))
    prune(retention=RETENTION, at=later(5 * DAY))
    assert not any(path.exists() for path in [*left, *former])
    assert list(findings(stream.channel)) == []
