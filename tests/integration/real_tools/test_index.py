"""The index of a directory of stones, by the real moss and by us: the same packages, and the same bytes."""

import shutil
from pathlib import Path

import pytest

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import FILE_NAME, read_index
from serpent_infra.formats.index_directory import write_directory_index
from tests.factories.vessel import make_meta, make_stone
from tests.integration.real_tools.conftest import Moss


def both(moss: Moss, directory: Path, output: Path) -> tuple[bytes, bytes]:
    """Lets moss index a directory, then us; gives both files."""
    index = output / FILE_NAME
    place: list[str | Path] = [] if output == directory else ["-o", output]
    moss("index", directory, *place)
    theirs = index.read_bytes()
    index.unlink()
    write_directory_index(directory, None if output == directory else output)
    return theirs, index.read_bytes()


def check(theirs: bytes, mine: bytes) -> list[str]:
    """Holds the packages of both to each other, field by field, then the bytes; gives names and releases."""
    metas = read_index(theirs)
    assert metas == read_index(mine)
    assert theirs == mine
    return [f"{meta.name}-{meta.release}" for meta in metas]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A directory of stones at several depths, some of them of the same name, and of other files."""
    directory = tmp_path / "many"
    for number, name in enumerate(("nano", "zlib", "libX11", "a", "größe", "nano-devel", "Nano")):
        folder = directory / "/".join("xyz"[: number % 4])
        folder.mkdir(parents=True, exist_ok=True)
        for release in (1, 9, 10):
            make_stone(folder, make_meta(name, release=release, version=f"{20 - release}", build_release=release))
    (directory / "x/no.txt").write_text("none of these is a stone")
    (directory / "stone").write_text("nor this")
    return directory


def test_moss_and_we_index_the_same(moss: Moss, many: Path) -> None:
    assert check(*both(moss, many, many)) == [
        *("Nano-10", "a-10", "größe-10", "libX11-10", "nano-10", "nano-devel-10", "zlib-10"),
    ]


@pytest.mark.parametrize("place", ["elsewhere", "many/x", "elsewhere/deep/down"])
def test_moss_and_we_index_the_same_into_another_directory(moss: Moss, many: Path, place: str) -> None:
    output = many.parent / place
    output.mkdir(parents=True, exist_ok=True)
    check(*both(moss, many, output))


def test_moss_and_we_index_nothing_the_same(moss: Moss, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert check(*both(moss, tmp_path / "none", tmp_path / "none")) == []


@pytest.mark.parametrize("build_release", [1, 2])
def test_moss_and_we_refuse_two_of_one_release(moss: Moss, tmp_path: Path, build_release: int) -> None:
    for folder, number in (("one", 1), ("two", build_release)):
        (tmp_path / folder).mkdir()
        make_stone(tmp_path / folder, make_meta("nano", build_release=number))
    assert moss.run("index", tmp_path).returncode != 0
    with pytest.raises(FormatError, match="nano"):
        write_directory_index(tmp_path)


@pytest.mark.real_data
def test_moss_and_we_index_real_stones_the_same(
    moss: Moss, shared_data: Path, ours: list[Path], tmp_path: Path
) -> None:
    directory = tmp_path / "real"
    shutil.copytree(shared_data / "stones", directory)
    shutil.copy(ours[0], directory)
    names = check(*both(moss, directory, directory))
    assert names == ["bash-completion-1", "greet-data-1", "italian-pizza-1", "nano-33", "nano-dbginfo-33"]


def test_moss_reads_the_index_that_we_write(moss: Moss, many: Path) -> None:
    write_directory_index(many)
    moss("repo", "add", "local", f"file://{many}/{FILE_NAME}")
    assert moss.listed("available")["libX11"] == "10-10"
    moss("fetch", "-o", many.parent, "libX11")
    assert (many.parent / "libX11-10-10-10-x86_64.stone").read_bytes() in [
        path.read_bytes() for path in many.rglob("libX11-10-10-*.stone")
    ]
