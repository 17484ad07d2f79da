"""What we write, checked and unpacked by the real moss."""

import os
import stat
from pathlib import Path

import pytest

from serpent_infra.formats.index import FILE_NAME, encode_entry, write_index
from serpent_infra.formats.manifest import encode_manifest
from serpent_infra.formats.stone.extract import extract
from serpent_infra.formats.stone.package import read_package
from serpent_infra.formats.stone.scan import scan
from serpent_infra.formats.stone.writer import write_package
from tests.factories.vessel import make_meta, make_stone
from tests.integration.real_tools.conftest import Moss

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def test_moss_accepts_every_checksum_we_write(moss: Moss, ours: list[Path], tmp_path: Path) -> None:
    stone, manifest, _ = ours
    index = tmp_path / FILE_NAME
    with index.open("wb") as output:
        entry = encode_entry(read_package(stone).meta, uri=stone.name, sha256="0" * 64, size=stone.stat().st_size)
        write_index(output, [entry, entry])
    empty = tmp_path / "empty.index"
    with empty.open("wb") as output:
        write_index(output, [])
    several = tmp_path / "several.bin"
    several.write_bytes(encode_manifest([make_meta("a"), make_meta("b"), make_meta("c", provides=frozenset())]))
    bare = make_meta("bare")
    write_package(tmp_path / bare.file_name, bare, [])
    moss.inspect([stone, manifest, index, empty, several, tmp_path / bare.file_name])


def test_moss_refuses_what_we_break(moss: Moss, ours: list[Path], tmp_path: Path) -> None:
    """Makes sure that the check above can fail."""
    whole = ours[0].read_bytes()
    broken = tmp_path / "broken.stone"
    broken.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert moss.run("inspect", "--check", broken).returncode != 0


def test_moss_shows_every_field(moss: Moss, tmp_path: Path) -> None:
    meta = make_meta("shown", description="Two\nlines – not ASCII", licenses=("MPL-2.0", "Zlib"))
    said = moss("inspect", make_stone(tmp_path, meta))
    for text in (meta.name, meta.version, meta.summary, meta.description, meta.homepage, *meta.licenses):
        assert text in said
    for capability in (*meta.depends, *meta.provides):
        assert f"- {capability.text}" in said


def tree(root: Path) -> dict[str, tuple[str, object]]:
    """Lists all below a directory: permissions and bytes of files, texts of links.

    Write permissions are left out: moss takes them away from files.
    """
    found: dict[str, tuple[str, object]] = {}
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        name = str(path.relative_to(root))
        if stat.S_ISLNK(mode):
            found[name] = ("link", str(path.readlink()))
        elif stat.S_ISREG(mode):
            found[name] = (oct(mode & ~_WRITABLE), path.read_bytes())
        else:
            found[name] = ("directory", oct(stat.S_IMODE(mode)))
    return found


def both(moss: Moss, stone: Path) -> tuple[dict[str, tuple[str, object]], dict[str, tuple[str, object]]]:
    """Unpacks a stone by moss and by us."""
    folder = moss.root.parent / f"{stone.name}.both"
    folder.mkdir()
    moss("extract", "-o", "theirs", stone, cwd=folder)
    (root,) = (folder / "theirs").iterdir()
    meta = extract(stone, folder / "ours").meta
    assert root.name == meta.package_id
    return tree(root / "usr"), tree(folder / "ours")


def test_moss_and_we_unpack_the_same(moss: Moss, ours: list[Path], tmp_path: Path) -> None:
    theirs, mine = both(moss, ours[0])
    assert theirs == mine
    assert set(mine) == {"share", "share/greet", "share/greet/phrases.txt", "share/greet/whom"}


def test_moss_and_we_unpack_everything_that_a_package_can_hold(moss: Moss, tmp_path: Path) -> None:
    source = tmp_path / "source"
    files = {
        "bin/twice": (b"#!/bin/sh\n", 0o755),
        "lib/x/a": (b"same", 0o644),
        "lib/x/b": (b"same", 0o600),
        "share/empty": (b"", 0o644),
        "share/große Datei": (os.urandom(300_000), 0o444),
    }
    for name, (content, mode) in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
        (source / name).chmod(mode)
    (source / "bin/again").symlink_to("twice")
    (source / "lib/dangling").symlink_to("../nowhere/at all")
    (source / "share/private").mkdir(mode=0o750)
    (source / "share/hollow").mkdir(mode=0o755)
    names = [*files, "bin/again", "lib/dangling", "share/private", "share/hollow"]
    meta = make_meta("everything")
    stone = tmp_path / meta.file_name
    write_package(stone, meta, [scan(source / name, name) for name in names])
    moss.inspect([stone])
    theirs, mine = both(moss, stone)
    assert theirs == mine
    assert set(names) <= set(mine)


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name", ["nano-8.3-33-1", "nano-dbginfo-8.3-33-1", "bash-completion-2.11-1-1", "italian-pizza-1-1-1"]
)
def test_moss_and_we_unpack_real_stones_alike(moss: Moss, shared_data: Path, name: str) -> None:
    theirs, mine = both(moss, shared_data / "stones" / f"{name}-x86_64.stone")
    assert theirs == mine
    assert mine
