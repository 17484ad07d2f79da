"""Moving streams, tagging, comparing."""

from pathlib import Path

import pytest

from serpent_infra.formats.root_index import decode_root_index
from tests.factories.vessel import bring_in, later, make_meta, make_stone, make_stream
from vessel import versions
from vessel.check import findings
from vessel.models import Stream, StreamMove, Tag, Version
from vessel.versions import NotMovable

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(stones: Path) -> list[Version]:
    make_stream()
    bring_in([make_stone(stones, make_meta("nano", release=1))], at=later(1))
    bring_in([make_stone(stones, make_meta("zlib", release=1))], at=later(2))
    bring_in([make_stone(stones, make_meta("nano", release=2))], at=later(3))
    return list(Version.objects.order_by("identifier"))


@pytest.fixture
def volatile(history: list[Version]) -> Stream:
    return Stream.objects.get(version=history[-1])


def pointers(public_dir: Path) -> tuple[str, str]:
    """Where the root index and the link of the stream lead."""
    root = decode_root_index((public_dir / "main/moss-root-index.json").read_bytes())
    return root.streams["volatile"].history, (public_dir / "main/stream/volatile").resolve().name


def test_a_rollback_moves_rows_and_disk(volatile: Stream, history: list[Version], public_dir: Path) -> None:
    versions.move_stream(stream=volatile, version=history[1], expected=history[3], who="ann", why="broken", at=later(9))
    assert volatile.version == history[1]
    assert pointers(public_dir) == (str(history[1]), str(history[1]))
    move = StreamMove.objects.latest("pk")
    assert (move.from_version, move.to_version, move.who, move.why) == (history[3], history[1], "ann", "broken")
    assert list(findings(volatile.channel)) == []


def test_a_stream_that_has_moved_on_is_not_moved(volatile: Stream, history: list[Version], public_dir: Path) -> None:
    with pytest.raises(NotMovable, match="moved on"):
        versions.move_stream(stream=volatile, version=history[1], expected=history[2], who="a", why="", at=later(9))
    assert pointers(public_dir) == (str(history[3]), str(history[3]))


def test_a_version_of_another_channel_is_refused(volatile: Stream, history: list[Version]) -> None:
    other = make_stream("other", official=False, at=later(8))
    assert other.version is not None
    with pytest.raises(NotMovable, match="not one of channel main"):
        versions.move_stream(stream=volatile, version=other.version, expected=history[3], who="a", why="", at=later(9))


def test_a_pruned_version_is_refused(volatile: Stream, history: list[Version]) -> None:
    Version.objects.filter(pk=history[0].pk).update(pruned_at=later(8))
    with pytest.raises(NotMovable, match="pruned"):
        versions.move_stream(stream=volatile, version=history[0], expected=history[3], who="a", why="", at=later(9))


def test_a_tag_is_in_the_root_index_until_it_is_removed(history: list[Version], public_dir: Path) -> None:
    tag = versions.tag_version(version=history[2], name="2026-01", who="ann", at=later(9))
    root = public_dir / "main/moss-root-index.json"
    assert decode_root_index(root.read_bytes()).tags["2026-01"].history == str(history[2])
    versions.remove_tag(tag)
    assert not decode_root_index(root.read_bytes()).tags
    assert not Tag.objects.exists()


def test_a_tag_stays_where_it_is(history: list[Version]) -> None:
    first = versions.tag_version(version=history[2], name="2026-01", who="ann", at=later(9))
    assert versions.tag_version(version=history[2], name="2026-01", who="bob", at=later(10)) == first
    with pytest.raises(NotMovable, match="tags stay"):
        versions.tag_version(version=history[1], name="2026-01", who="bob", at=later(10))


@pytest.mark.parametrize("name", ["", "../x", "a b", "-x", "ä"])
def test_a_tag_has_a_plain_name(history: list[Version], name: str) -> None:
    with pytest.raises(NotMovable, match="no name for a tag"):
        versions.tag_version(version=history[2], name=name, who="ann", at=later(9))


def test_a_comparison_tells_both_directions(history: list[Version]) -> None:
    forth = versions.compare(history[1], history[3])
    assert [item.name for item in forth.added] == ["zlib"]
    assert [(change.old.release, change.new.release) for change in forth.replaced] == [(1, 2)]
    back = versions.compare(history[3], history[1])
    assert [item.name for item in back.removed] == ["zlib"]


def test_a_version_tells_what_it_changed(history: list[Version]) -> None:
    assert versions.changes_of(history[0]).is_empty
    assert [item.name for item in versions.changes_of(history[2]).added] == ["zlib"]
    assert [change.new.release for change in versions.changes_of(history[3]).replaced] == [2]
