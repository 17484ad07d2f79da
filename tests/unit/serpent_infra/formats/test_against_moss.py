"""The distribution's own package manager agrees, where it is on PATH."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from serpent_infra.formats.index import read_index
from serpent_infra.formats.index_directory import write_directory_index
from serpent_infra.formats.stone.scan import scan
from serpent_infra.formats.stone.writer import write_package
from tests.unit.serpent_infra.formats.crafted import SAMPLE

pytestmark = pytest.mark.skipif(shutil.which("moss") is None, reason="moss is not on PATH")


def moss(root: Path, *arguments: object) -> str:
    """Runs moss on a root of its own and gives what it printed."""
    root.mkdir(exist_ok=True)
    return subprocess.run(
        ["moss", "-D", root, "-y", *map(str, arguments)], check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Packages of ours: two names, one of them in two releases, the older one deeper."""
    tree, pool = tmp_path / "tree", tmp_path / "pool"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin/hello").write_bytes(b"hello\n" * 1000)
    (tree / "bin/hi").symlink_to("hello")
    files = [scan(tree / name, name) for name in ("bin/hello", "bin/hi")]
    free = replace(SAMPLE, depends=frozenset())
    for folder, name, release in (("h", "hello", 3), ("old/h", "hello", 2), ("w", "world", 1)):
        meta = replace(free, name=name, release=release)
        (pool / folder).mkdir(parents=True)
        write_package(pool / folder / meta.file_name, meta, files)
    return pool


def test_moss_indexes_a_directory_to_the_same_bytes(repository: Path, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for output in (ours, theirs):
        output.mkdir()
    write_directory_index(repository, ours)
    moss(tmp_path / "root", "index", repository, "-o", theirs)
    assert read_index(ours / "stone.index") == read_index(theirs / "stone.index")
    assert (ours / "stone.index").read_bytes() == (theirs / "stone.index").read_bytes()


def test_moss_accepts_what_is_written(repository: Path, tmp_path: Path) -> None:
    moss(tmp_path / "root", "inspect", "--check", "-q", *repository.rglob("*.stone"))


def test_moss_lists_what_the_index_holds(repository: Path, tmp_path: Path) -> None:
    write_directory_index(repository)
    root = tmp_path / "root"
    moss(root, "repo", "add", "local", f"file://{repository}/stone.index", "-p", "10", "-c", "ours")
    listed = moss(root, "list", "available")
    assert "hello" in listed
    assert "world" in listed
