"""Packages that a newer build makes no more: they leave with it, in streams and branches, and come back by rollback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from serpent_infra.formats.index import read_index
from tests.factories.vessel import bring_in, later, make_meta, make_order, make_stone, make_stream
from vessel import branches, intake, interfaces, tree
from vessel.changes import changes_of
from vessel.check import findings
from vessel.models import Absence, Channel, Import, Membership, Stream, Version
from vessel.publish import contents_of, publish_ready
from vessel.states import ImportStatus
from vessel.versions import move_stream

pytestmark = pytest.mark.django_db

BRANCH = "campaign-1"


@pytest.fixture(autouse=True)
def _all_is_as_the_rows_say() -> Iterator[None]:
    yield
    for channel in Channel.objects.all():
        assert list(findings(channel)) == []


@pytest.fixture
def stream(stones: Path) -> Stream:
    """A stream with three packages of gcc 1 and one of another source."""
    stream = make_stream()
    publish(stones, "zlib", "zlib", at=1)
    publish(stones, "gcc", "gcc", "libgcc", "gcc-dbginfo", at=2)
    return stream


def paths(
    stones: Path, source: str, *names: str, release: int = 1, build: int = 1, architecture: str = ""
) -> list[Path]:
    where = architecture or "x86_64"
    metas = [
        make_meta(name, release=release, source_id=source, build_release=build, architecture=where) for name in names
    ]
    return [make_stone(stones, meta) for meta in metas]


def publish(
    stones: Path, source: str, *names: str, at: float, to: str = "volatile", release: int = 1, build: int = 1
) -> Import:
    subject = bring_in(paths(stones, source, *names, release=release, build=build), at=later(at), stream=to)
    assert subject.status == ImportStatus.PUBLISHED, subject.problem
    return subject


def offered(public_dir: Path, stream: str = "volatile", architecture: str = "x86_64") -> dict[str, tuple[int, int]]:
    """Reads a stream as a client does."""
    metas = read_index(public_dir / f"main/stream/{stream}/{architecture}/stone.index")
    return {meta.name: (meta.release, meta.build_release) for meta in metas}


def pointed(stream: Stream) -> Version:
    stream.refresh_from_db()
    assert stream.version is not None
    return stream.version


def test_what_the_new_release_makes_no_more_leaves_with_it(stream: Stream, stones: Path, public_dir: Path) -> None:
    before = pointed(stream)
    subject = publish(stones, "gcc", "gcc", "gcc-dbginfo", "gcc-docs", at=3, release=2)
    after = pointed(stream)
    assert offered(public_dir) == {"gcc": (2, 1), "gcc-dbginfo": (2, 1), "gcc-docs": (2, 1), "zlib": (1, 1)}
    assert after.parent == before, "one version"
    assert (after.added, after.upgraded, after.removed, after.packages) == (1, 2, 1, 4)
    assert after.summary == "gcc 8.4-2, 1 removed"
    assert {change.name: change.kind.value for change in changes_of(after)} == {
        "gcc": "upgraded",
        "gcc-dbginfo": "upgraded",
        "gcc-docs": "added",
        "libgcc": "removed",
    }
    assert subject.removed == ["libgcc"]
    assert interfaces.import_report(reference=subject.reference).removed == ("libgcc",)
    index = public_dir / f"main/history/{before}/x86_64/stone.index"
    assert {meta.name for meta in read_index(index)} == {"gcc", "libgcc", "gcc-dbginfo", "zlib"}, "what was stays"


def test_debug_packages_of_an_older_build_leave_too(stream: Stream, stones: Path, public_dir: Path) -> None:
    subject = publish(stones, "gcc", "gcc", "libgcc", at=3, build=2)
    assert offered(public_dir) == {"gcc": (1, 2), "libgcc": (1, 2), "zlib": (1, 1)}
    assert subject.removed == ["gcc-dbginfo"]


def test_the_page_of_the_version_says_what_left(stream: Stream, stones: Path, client: Client) -> None:
    publish(stones, "gcc", "gcc", "gcc-docs", at=3, release=2)
    page = client.get(reverse("vessel:version_detail", args=["main", pointed(stream).pk])).content.decode()
    for text in ("1 added", "1 upgraded", "2 removed", "libgcc", "gcc-dbginfo", "made no more: gcc-dbginfo, libgcc"):
        assert text in page, text


def test_a_rollback_brings_them_back_and_the_next_build_takes_them_again(
    stream: Stream, stones: Path, public_dir: Path
) -> None:
    before = pointed(stream)
    publish(stones, "gcc", "gcc", at=3, release=2)
    head = pointed(stream)
    move_stream(stream=stream, version=before, expected=head, who="ann", why="gcc 2 is broken", at=later(4))
    assert offered(public_dir) == {"gcc": (1, 1), "libgcc": (1, 1), "gcc-dbginfo": (1, 1), "zlib": (1, 1)}
    publish(stones, "zlib", "zlib", at=5, release=2)
    assert offered(public_dir) == {"gcc": (1, 1), "libgcc": (1, 1), "gcc-dbginfo": (1, 1), "zlib": (2, 1)}
    subject = publish(stones, "gcc", "gcc", "libgcc", at=6, release=3)
    assert subject.removed == ["gcc-dbginfo"]
    assert offered(public_dir) == {"gcc": (3, 1), "libgcc": (3, 1), "zlib": (2, 1)}


def test_other_architectures_keep_theirs(stream: Stream, stones: Path, public_dir: Path) -> None:
    bring_in(paths(stones, "gcc", "gcc", "libgcc", architecture="aarch64"), at=later(3))
    publish(stones, "gcc", "gcc", at=4, release=2)
    assert offered(public_dir, architecture="aarch64") == {"gcc": (1, 1), "libgcc": (1, 1)}


def test_a_package_that_moved_to_another_source_stays(stream: Stream, stones: Path, public_dir: Path) -> None:
    publish(stones, "llvm", "llvm", "libgcc", at=3, release=7)
    subject = publish(stones, "gcc", "gcc", at=4, release=2)
    assert subject.removed == ["gcc-dbginfo"]
    assert offered(public_dir) == {"gcc": (2, 1), "libgcc": (7, 1), "llvm": (7, 1), "zlib": (1, 1)}


def test_a_package_that_moves_within_one_version_is_not_said_to_leave(stream: Stream, stones: Path) -> None:
    ready(paths(stones, "gcc", "gcc", "gcc-dbginfo", release=2), at=3)
    ready(paths(stones, "llvm", "llvm", "libgcc"), at=3)
    version = publish_ready(stream, at=later(4))
    assert version is not None
    assert {(change.name, change.kind.value) for change in changes_of(version)} >= {("llvm", "added")}
    assert version.removed == 0
    assert [subject.removed for subject in Import.objects.filter(version=version)] == [[], []]


def test_a_late_older_build_brings_nothing_back(stream: Stream, stones: Path, public_dir: Path) -> None:
    publish(stones, "gcc", "gcc", at=3, release=3)
    late = bring_in(paths(stones, "gcc", "libgcc", release=2), at=later(4))
    assert late.status == ImportStatus.REFUSED
    assert "lower release than the published gcc 8.4-3" in late.problem
    assert offered(public_dir) == {"gcc": (3, 1), "zlib": (1, 1)}


def test_the_same_import_again_changes_nothing(stream: Stream, stones: Path) -> None:
    made = paths(stones, "gcc", "gcc", release=2)
    bring_in(made, at=later(3))
    version = pointed(stream)
    again = bring_in(made, at=later(4))
    assert (again.status, again.version, again.removed) == (ImportStatus.PUBLISHED, version, [])


def test_in_a_branch_they_leave_there_first_and_from_the_stream_with_the_merge(
    stream: Stream, stones: Path, public_dir: Path
) -> None:
    branches.begin(channel="main", stream="volatile", branch=BRANCH, at=later(3))
    rows = Membership.objects.count()
    publish(stones, "gcc", "gcc", at=4, to=BRANCH, build=2)
    assert Membership.objects.count() == rows + 1
    assert offered(public_dir, BRANCH) == {"gcc": (1, 2), "zlib": (1, 1)}
    assert Version.objects.latest("pk").removed == 2
    assert len(offered(public_dir)) == 4, "the stream goes on"
    # Made once more and again no more: what lies below does not shine through.
    publish(stones, "gcc", "gcc", "libgcc", at=5, to=BRANCH, build=3)
    assert offered(public_dir, BRANCH) == {"gcc": (1, 3), "libgcc": (1, 3), "zlib": (1, 1)}
    publish(stones, "gcc", "gcc", at=6, to=BRANCH, build=4)
    publish(stones, "zlib", "zlib", at=7, to=BRANCH, build=2)
    assert offered(public_dir, BRANCH) == {"gcc": (1, 4), "zlib": (1, 2)}
    for version in Version.objects.filter(lineage__name=BRANCH):
        index = read_index(public_dir / f"main/history/{version}/x86_64/stone.index")
        assert {meta.name for meta in index} == {item.name for item in contents_of(version).values()}
    before = Version.objects.filter(lineage=stream).count()
    merge(at=8)
    assert offered(public_dir) == {"gcc": (1, 4), "zlib": (1, 2)}
    assert Version.objects.filter(lineage=stream).count() == before + 1
    merged = pointed(stream)
    assert (merged.upgraded, merged.removed) == (2, 2)
    assert branches.drop(channel="main", branch=BRANCH, at=later(9))
    assert merged.parent is not None
    move_stream(stream=stream, version=merged.parent, expected=merged, who="ann", why="", at=later(10))
    assert offered(public_dir) == {"gcc": (1, 1), "libgcc": (1, 1), "gcc-dbginfo": (1, 1), "zlib": (1, 1)}


def test_what_the_stream_let_go_of_since_stays_gone_when_a_branch_is_merged(
    stream: Stream, stones: Path, public_dir: Path
) -> None:
    branches.begin(channel="main", stream="volatile", branch=BRANCH, at=later(3))
    publish(stones, "gcc", "gcc", "libgcc", at=4, to=BRANCH, build=2)
    publish(stones, "zlib", "zlib", at=5, to=BRANCH, build=2)
    head = pointed(stream)
    assert head.parent is not None
    move_stream(stream=stream, version=head.parent, expected=head, who="ann", why="no gcc for now", at=later(6))
    assert merge(at=7) == ("gcc 8.4-1 (build 2), which has left it since",)
    assert offered(public_dir) == {"zlib": (1, 2)}


def test_a_disk_that_is_full_takes_all_of_it_back(
    stream: Stream, stones: Path, public_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    branches.begin(channel="main", stream="volatile", branch=BRANCH, at=later(3))
    made = paths(stones, "gcc", "gcc", build=2)
    ready(made, at=4, to=BRANCH)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tree, "write_index", full)
        with pytest.raises(OSError, match="No space"):
            publish_ready(Stream.objects.get(name=BRANCH), at=later(5))
    assert not Absence.objects.exists()
    assert Import.objects.latest("pk").removed == []
    assert offered(public_dir, BRANCH) == offered(public_dir)
    intake.process(reference=Import.objects.latest("pk").reference, clock=lambda: later(60))
    assert offered(public_dir, BRANCH) == {"gcc": (1, 2), "zlib": (1, 1)}


def merge(*, at: float) -> tuple[str, ...]:
    done = branches.merge_into(channel="main", branch=BRANCH, stream="volatile", who="ada", why="", at=later(at))
    return done.kept


def ready(made: list[Path], *, at: float, to: str = "volatile") -> None:
    """Brings an import to where only its publication is missing."""
    order = make_order(made, stream=to)
    intake.request(order=order, reply_to="test.settle", at=later(at))
    subject = Import.objects.get(reference=order.reference)
    subject.start(at=later(at))
    directory = intake.import_dir(subject)
    directory.mkdir(parents=True)
    for path in made:
        (directory / path.name).write_bytes(path.read_bytes())
    subject.verify(at=later(at))
    metas = intake._verify(order, directory)
    intake._take_in(subject, order, metas, at=later(at))
