"""A directory of stones becomes the index that `moss index` would write."""

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import pytest

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import read_index
from serpent_infra.formats.index_directory import latest_releases, write_directory_index
from serpent_infra.formats.stone.header import FileType
from tests.unit.serpent_infra.formats.crafted import SAMPLE, container, meta_payload, package


def stone(path: Path, name: str = "hello", release: int = 3, build_release: int = 1) -> Path:
    """Writes a package of one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = replace(SAMPLE, name=name, release=release, build_release=build_release)
    path.write_bytes(package({f"bin/{name}": name.encode()}, meta=meta))
    return path


def test_all_depths_are_found_and_the_highest_release_of_each_name_is_taken(tmp_path: Path) -> None:
    stone(tmp_path / "z/deep/er/b-2.stone", "b", 2)
    stone(tmp_path / "a/b-10.stone", "b", 10)
    stone(tmp_path / "b-9.stone", "b", 9)
    stone(tmp_path / "c/a.stone", "a", 1)
    stone(tmp_path / "c/B.stone", "B", 1)
    (tmp_path / "c/notes.txt").write_text("no stone")
    found = write_directory_index(tmp_path)
    assert [(one.meta.name, one.meta.release) for one in found] == [("B", 1), ("a", 1), ("b", 10)]
    entries = read_index(tmp_path / "stone.index")
    assert [(one.name, one.uri) for one in entries] == [("B", "c/B.stone"), ("a", "c/a.stone"), ("b", "a/b-10.stone")]
    for one in entries:
        content = (tmp_path / str(one.uri)).read_bytes()
        assert (one.hash, one.size) == (hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize(
    ("output", "uri"), [("", "x.stone"), ("out/put", "../../pool/x.stone"), ("pool/in", "../x.stone")]
)
def test_uris_lead_from_the_index_to_the_stone(tmp_path: Path, output: str, uri: str) -> None:
    pool = tmp_path / "pool"
    path = stone(pool / "x.stone")
    target = tmp_path / output if output else pool
    target.mkdir(parents=True, exist_ok=True)
    write_directory_index(pool, tmp_path / output if output else None)
    (entry,) = read_index(target / "stone.index")
    assert entry.uri == uri
    assert urljoin(f"file://{target}/stone.index", uri) == f"file://{path}"


def test_relative_paths_mean_what_they_mean_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stone(tmp_path / "pool/x.stone")
    monkeypatch.chdir(tmp_path)
    write_directory_index(Path("pool"), Path())
    assert [one.uri for one in read_index(tmp_path / "stone.index")] == ["pool/x.stone"]


def test_symlinks_are_passed_over_within_and_followed_on_the_way(tmp_path: Path) -> None:
    path = stone(tmp_path / "real/pool/x.stone")
    (tmp_path / "real/pool/twin.stone").symlink_to(path)
    (tmp_path / "real/pool/twins").symlink_to(path.parent)
    (tmp_path / "pool").symlink_to(path.parent)
    (tmp_path / "out").mkdir()
    write_directory_index(tmp_path / "pool", tmp_path / "out")
    assert [one.uri for one in read_index(tmp_path / "out/stone.index")] == ["../real/pool/x.stone"]


def test_equal_name_and_release_is_an_error_that_names_both_files(tmp_path: Path) -> None:
    first = stone(tmp_path / "a.stone", build_release=1)
    second = stone(tmp_path / "b.stone", build_release=2)
    with pytest.raises(FormatError) as caught:
        write_directory_index(tmp_path)
    assert str(first) in str(caught.value)
    assert caught.value.path == str(second)
    assert not (tmp_path / "stone.index").exists()


def test_an_equal_release_is_an_error_even_where_a_higher_one_follows(tmp_path: Path) -> None:
    for name, release in (("a", 1), ("b", 1), ("c", 2)):
        stone(tmp_path / f"{name}.stone", release=release)
    with pytest.raises(FormatError, match="release 1"):
        write_directory_index(tmp_path)


def test_an_empty_directory_has_an_index_too(tmp_path: Path) -> None:
    assert write_directory_index(tmp_path) == []
    assert (tmp_path / "stone.index").stat().st_size == 32


@pytest.mark.parametrize(
    "name", ["a?b", "a#b", "a%41", "a\\b", "http:x", "new\nline", b"\xff".decode(errors="surrogateescape")]
)
def test_a_path_that_a_client_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    path = stone(tmp_path / f"{name}.stone")
    with pytest.raises(FormatError, match="another URI") as caught:
        write_directory_index(tmp_path)
    assert caught.value.path == str(path)


def test_what_does_not_read_is_refused_by_its_path_and_the_former_index_stays(tmp_path: Path) -> None:
    stone(tmp_path / "a.stone")
    write_directory_index(tmp_path)
    before = (tmp_path / "stone.index").read_bytes()
    for broken in (b"", package({"a": b"x"})[:-9], container(meta_payload(), file_type=FileType.MANIFEST)):
        (tmp_path / "broken.stone").write_bytes(broken)
        with pytest.raises(FormatError) as caught:
            write_directory_index(tmp_path)
        assert caught.value.path == str(tmp_path / "broken.stone")
        assert (tmp_path / "stone.index").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.stone", "broken.stone", "stone.index"]


def test_a_missing_directory_is_the_machines_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_directory_index(tmp_path / "nope", tmp_path)
    assert latest_releases([]) == []
