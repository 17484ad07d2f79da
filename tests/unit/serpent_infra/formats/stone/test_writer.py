"""Packages are written the same way every time, and read back as they went in."""

from pathlib import Path

import pytest

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.layout import EntryKind
from serpent_infra.formats.stone.package import read_package, verify_package
from serpent_infra.formats.stone.payload import PayloadKind
from serpent_infra.formats.stone.reader import open_stone
from serpent_infra.formats.stone.scan import scan
from serpent_infra.formats.stone.writer import PackagedFile, write_package
from tests.unit.serpent_infra.formats.crafted import SAMPLE


@pytest.fixture
def files(tmp_path: Path) -> list[PackagedFile]:
    """Small, large, twin and empty files, a symlink, a directory."""
    tree = tmp_path / "tree"
    (tree / "share/empty.d").mkdir(parents=True)
    for name, content in {"a": b"small", "b": b"L" * 700_000, "c": b"small", "d": b"", "e": b"tiny!"}.items():
        (tree / name).write_bytes(content)
    (tree / "a").chmod(0o755)
    (tree / "link").symlink_to("b")
    return [scan(tree / name, name) for name in ("a", "b", "c", "d", "e", "link", "share/empty.d")]


def test_a_written_package_verifies_and_keeps_its_layout(tmp_path: Path, files: list[PackagedFile]) -> None:
    output = tmp_path / "hello.stone"
    write_package(output, SAMPLE, files)
    package = verify_package(output)
    assert package.meta == SAMPLE
    assert list(package.layout) == [one.entry for one in files]
    assert [one.kind for one in package.layout[-2:]] == [EntryKind.SYMLINK, EntryKind.DIRECTORY]
    assert package.layout[0].mode == 0o100755


def test_each_content_stands_once_the_largest_first_and_ties_in_layout_order(
    tmp_path: Path, files: list[PackagedFile]
) -> None:
    output = tmp_path / "hello.stone"
    write_package(output, SAMPLE, files)
    digest = {one.entry.target: one.entry.digest for one in files}
    ranges = read_package(output).ranges
    assert [one.size for one in ranges] == [700_000, 5, 5, 0]
    assert [one.digest for one in ranges] == [digest[name] for name in ("b", "a", "e", "d")]


def test_the_same_input_gives_the_same_bytes_whatever_the_workers(tmp_path: Path, files: list[PackagedFile]) -> None:
    outputs = [tmp_path / f"{workers}.stone" for workers in (1, 2, 5)]
    for workers, output in zip((1, 2, 5), outputs, strict=True):
        write_package(output, SAMPLE, files, workers=workers)
    assert len({output.read_bytes() for output in outputs}) == 1


def test_payloads_without_records_are_left_out(tmp_path: Path, files: list[PackagedFile]) -> None:
    output = tmp_path / "hello.stone"
    for kept, kinds in (([], [PayloadKind.META]), (files[-2:], [PayloadKind.META, PayloadKind.LAYOUT])):
        write_package(output, SAMPLE, kept)
        with open_stone(output) as stone:
            assert [one.header.kind for one in stone] == kinds
        assert verify_package(output).content_size == 0


@pytest.mark.parametrize("content", [b"other", b"longer than before", b""])
def test_a_file_that_changed_since_it_was_scanned_is_refused_and_leaves_nothing(
    tmp_path: Path, files: list[PackagedFile], content: bytes
) -> None:
    (tmp_path / "tree/e").write_bytes(content)
    with pytest.raises(FormatError, match="changed"):
        write_package(tmp_path / "hello.stone", SAMPLE, files)
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def test_a_regular_file_needs_a_source(tmp_path: Path, files: list[PackagedFile]) -> None:
    with pytest.raises(FormatError, match="source"):
        write_package(tmp_path / "hello.stone", SAMPLE, [PackagedFile(files[0].entry)])


def test_scanning_refuses_a_target_outside_usr(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        scan(tmp_path, "../etc")


def test_attributes_come_last_and_change_nothing_before_them(tmp_path: Path, files: list[PackagedFile]) -> None:
    plain, output = tmp_path / "plain.stone", tmp_path / "hello.stone"
    attributes = ((b"key", b"value"), (b"\xff", b""))
    write_package(plain, SAMPLE, files)
    write_package(output, SAMPLE, files, attributes=attributes)
    assert verify_package(output).attributes == attributes
    assert output.read_bytes()[32:].startswith(plain.read_bytes()[32:])
