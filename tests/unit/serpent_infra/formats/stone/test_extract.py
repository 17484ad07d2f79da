"""Unpacking gives the files of the package and never leaves its directory."""

import contextlib
import os
import stat
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.contents import ContentRange, encode_ranges
from serpent_infra.formats.stone.extract import extract
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry, encode_layout
from serpent_infra.formats.stone.payload import PayloadKind
from tests.unit.serpent_infra.formats.crafted import container, meta_payload, package, payload


def symlink(target: str, link: str) -> LayoutEntry:
    return LayoutEntry(kind=EntryKind.SYMLINK, target=target, mode=0o120777, link=link)


def directory(target: str, mode: int = 0o40755) -> LayoutEntry:
    return LayoutEntry(kind=EntryKind.DIRECTORY, target=target, mode=mode)


def contents(root: Path) -> dict[str, bytes | str | None]:
    """Relative path to a file's bytes, a symlink's text, or None for a directory."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        found[name] = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found


def test_files_copies_symlinks_and_directories_come_out(tmp_path: Path) -> None:
    usr = tmp_path / "root/usr"
    file = package(
        {"bin/a": b"x" * 300_000, "bin/b": b"x" * 300_000, "lib/c": b"", "d": b"d"},
        symlink("bin/l", "../lib/c"),
        directory("share/deep/empty", 0o40700),
    )
    extract(file, usr)
    assert contents(usr) == {
        "bin": None,
        "bin/a": b"x" * 300_000,
        "bin/b": b"x" * 300_000,
        "bin/l": "../lib/c",
        "d": b"d",
        "lib": None,
        "lib/c": b"",
        "share": None,
        "share/deep": None,
        "share/deep/empty": None,
    }
    assert stat.S_IMODE((usr / "bin/a").stat().st_mode) == 0o644
    assert stat.S_IMODE((usr / "share/deep/empty").stat().st_mode) == 0o700


def test_parents_are_readable_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        extract(package({"lib/deep/file": b"x"}), tmp_path / "usr")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "usr/lib/deep").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "usr/lib/deep/file").stat().st_mode) == 0o644


def with_mode(mode: int) -> bytes:
    digest = xxhash.xxh3_128_digest(b"x")
    entry = LayoutEntry(kind=EntryKind.REGULAR, target="bin/su", mode=mode, digest=digest)
    return container(
        meta_payload(),
        payload(PayloadKind.LAYOUT, encode_layout([entry]), 1),
        payload(PayloadKind.INDEX, encode_ranges([ContentRange(0, 1, digest)]), 1),
        payload(PayloadKind.CONTENT, b"x", 0),
    )


def test_set_id_bits_are_dropped_unless_wanted(tmp_path: Path) -> None:
    for set_id, mode in ((False, 0o755), (True, 0o4755)):
        usr = tmp_path / str(mode)
        extract(with_mode(0o104755), usr, set_id=set_id)
        assert stat.S_IMODE((usr / "bin/su").stat().st_mode) == mode


HOSTILE_TARGETS = ["../escaped", "/tmp/escaped", "a/../../escaped", "..", ".", "", "a//b", "./a", "a/", "n\0ul"]  # noqa: S108 (never made)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("target", HOSTILE_TARGETS)
def test_a_target_that_leaves_the_directory_is_refused_before_anything_is_written(
    tmp_path: Path,
    target: str,
    strict: bool,  # noqa: FBT001 (pytest)
) -> None:
    usr = tmp_path / "usr"
    for file in (
        package({"good": b"g", target: b"evil"}),
        package({"good": b"g"}, symlink(target, "x")),
        package({"good": b"g"}, directory(target)),
    ):
        with pytest.raises(FormatError):
            extract(file, usr, strict=strict)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("link", ["/", "../outside", "inside"])
def test_nothing_is_written_through_a_symlink_that_was_there(tmp_path: Path, link: str, replace: bool) -> None:  # noqa: FBT001 (pytest)
    usr, outside = tmp_path / "usr", tmp_path / "outside"
    for path in (usr / "inside", outside):
        path.mkdir(parents=True)
    (usr / "lib").symlink_to(link)
    for file in (
        package({"lib/evil": b"x"}),
        package({}, symlink("lib/evil", "x")),
        package({}, directory("lib/evil")),
    ):
        with pytest.raises(FormatError, match="no directory"):
            extract(file, usr, replace=replace, strict=False)
    assert contents(outside) == {}
    assert contents(usr) == {"inside": None, "lib": link}


def test_nothing_is_written_through_a_symlink_of_the_package_itself(tmp_path: Path) -> None:
    usr, outside = tmp_path / "usr", tmp_path / "outside"
    outside.mkdir()
    file = package({"lib/evil": b"x"}, symlink("lib", str(outside)))
    with pytest.raises(FormatError, match="lib"):
        extract(file, usr, replace=True)
    file = package({}, symlink("lib", str(outside)), symlink("lib/evil", "x"))
    with pytest.raises(FormatError, match="lib"):
        extract(file, tmp_path / "usr2", replace=True, strict=False)
    assert contents(outside) == {}


def test_a_final_symlink_is_replaced_and_not_followed(tmp_path: Path) -> None:
    usr, outside = tmp_path / "usr", tmp_path / "outside"
    usr.mkdir()
    outside.write_bytes(b"precious")
    (usr / "file").symlink_to(outside)
    with pytest.raises(FormatError, match="exists already"):
        extract(package({"file": b"new"}), usr)
    extract(package({"file": b"new"}), usr, replace=True)
    assert outside.read_bytes() == b"precious"
    assert contents(usr) == {"file": b"new"}


def test_a_second_package_merges_directories_and_is_refused_where_files_meet(tmp_path: Path) -> None:
    extract(package({"bin/a": b"1"}, directory("share")), tmp_path)
    extract(package({"bin/b": b"2"}, directory("share")), tmp_path)
    for clash in (package({"bin/a": b"3"}), package({"bin/b": b"3"}), package({"bin": b"3"})):
        with pytest.raises(FormatError, match=r"exists already|in the way"):
            extract(clash, tmp_path)
    assert contents(tmp_path) == {"bin": None, "bin/a": b"1", "bin/b": b"2", "share": None}


def test_a_directory_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    with pytest.raises(FormatError, match="directory is in the way"):
        extract(package({"bin": b"x"}), tmp_path, replace=True)


@pytest.mark.parametrize("kind", list(EntryKind)[3:])
def test_devices_fifos_and_sockets_are_refused(tmp_path: Path, kind: EntryKind) -> None:
    file = package({"a": b"x"}, LayoutEntry(kind=kind, target="dev/x", mode=0o20644))
    with pytest.raises(FormatError, match="not unpacked"):
        extract(file, tmp_path)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("entry", [directory("a" * 256), symlink("l", ""), symlink("l", "x" * 4096)])
def test_what_no_disk_can_hold_is_refused(tmp_path: Path, entry: LayoutEntry) -> None:
    with pytest.raises(FormatError):
        extract(package({}, entry), tmp_path, strict=False)


def wrong_digest() -> bytes:
    good, bad = xxhash.xxh3_128_digest(b"good"), xxhash.xxh3_128_digest(b"evil")
    layout = [LayoutEntry(kind=EntryKind.REGULAR, target=name, mode=0o100644, digest=bad) for name in ("bad", "twin")]
    layout += [LayoutEntry(kind=EntryKind.REGULAR, target="good", mode=0o100644, digest=good)]
    return container(
        meta_payload(),
        payload(PayloadKind.LAYOUT, encode_layout(layout), 3),
        payload(PayloadKind.INDEX, encode_ranges([ContentRange(0, 4, good), ContentRange(4, 8, bad)]), 2),
        payload(PayloadKind.CONTENT, b"goodEVIL", 0),
    )


def test_a_file_with_another_digest_is_refused_and_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="digest"):
        extract(wrong_digest(), tmp_path)
    assert contents(tmp_path) == {"good": b"good"}


def test_a_content_that_is_not_there_is_refused(tmp_path: Path) -> None:
    file = package({"a": b"x"}, LayoutEntry(kind=EntryKind.REGULAR, target="b", mode=0o100644, digest=bytes(16)))
    with pytest.raises(FormatError):
        extract(file, tmp_path)
    with pytest.raises(FormatError, match="not in the package"):
        extract(file, tmp_path, strict=False)


def test_overlapping_ranges_are_refused_by_the_lenient_reader_too(tmp_path: Path) -> None:
    ranges = [ContentRange(0, 4, xxhash.xxh3_128_digest(b"abcd")), ContentRange(2, 6, xxhash.xxh3_128_digest(b"cdef"))]
    file = container(
        meta_payload(),
        payload(PayloadKind.INDEX, encode_ranges(ranges), 2),
        payload(PayloadKind.CONTENT, b"abcdef", 0),
    )
    with pytest.raises(FormatError, match="overlap"):
        extract(file, tmp_path, strict=False)


NAMES = st.sampled_from(["a", "b", "..", ".", "", "/", "c"])


@given(
    st.dictionaries(st.lists(NAMES, max_size=4).map("/".join), st.binary(max_size=5), max_size=4),
    st.lists(st.tuples(st.lists(NAMES, max_size=4).map("/".join), st.sampled_from(["..", "/", "../..", "a", "../x"]))),
)
def test_no_combination_of_files_and_symlinks_leaves_the_directory(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], links: list[tuple[str, str]]
) -> None:
    top = tmp_path_factory.mktemp("top")
    (top / "x").mkdir()
    with contextlib.suppress(FormatError):
        extract(package(files, *(symlink(*link) for link in links)), top / "usr", replace=True, strict=False)
    assert {path.name for path in top.iterdir()} <= {"x", "usr"}
    assert list((top / "x").iterdir()) == []
