"""`serpent inspect`, `extract` and `index`: what they print, and the exit codes that they promise."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from serpent_infra.formats.index import assemble, encode_entry, read_index
from serpent_infra.formats.manifest import encode_manifest
from serpent_infra.formats.stone import frames
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry
from serpent_infra.formats.stone.payload import PayloadKind
from tests.unit.serpent_infra.cli.command import serpent
from tests.unit.serpent_infra.formats.crafted import SAMPLE, container, meta_payload, package, payload

GOOD = package(
    {"bin/hello": b"hello"}, LayoutEntry(kind=EntryKind.SYMLINK, target="bin/hi", mode=0o120777, link="hello")
)
CONTENT_BROKEN = GOOD[:-1] + bytes([GOOD[-1] ^ 1])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "hello.stone"
    path.write_bytes(GOOD)
    return path


def test_inspect_prints_metadata_and_paths(good: Path) -> None:
    ended = serpent("inspect", good)
    assert (ended.code, ended.err) == (0, "")
    for text in ("hello", "1.0-3, build 1", "soname(libc.so.6(x86_64))", "-> hello", "/usr/bin/hello"):
        assert text in ended.out


def test_inspect_gives_json_of_every_kind_of_file(tmp_path: Path, good: Path) -> None:
    index, manifest = tmp_path / "stone.index", tmp_path / "manifest.x86_64.bin"
    index.write_bytes(b"".join(assemble([encode_entry(SAMPLE, uri="x.stone", sha256="0" * 64, size=1)])))
    manifest.write_bytes(encode_manifest([SAMPLE]))
    ended = serpent("inspect", "--json", "--check", good, index, manifest)
    assert (ended.code, ended.err) == (0, "")
    assert ended.document["version"] == 1
    binary, repository, build_manifest = ended.document["files"]
    assert list(binary) == [
        *("path", "file_type", "is_checked", "payloads", "packages", "layout", "content", "attributes")
    ]
    assert [one["file_type"] for one in (binary, repository, build_manifest)] == ["binary", "repository", "manifest"]
    assert binary["layout"] == [
        {
            "path": "/usr/bin/hello",
            "kind": "regular",
            "mode": "100644",
            "uid": 0,
            "gid": 0,
            "digest": "b5e9c1ad071b3e7fc779cfaa5e523818",
            "link": None,
        },
        {
            "path": "/usr/bin/hi",
            "kind": "symlink",
            "mode": "120777",
            "uid": 0,
            "gid": 0,
            "digest": None,
            "link": "hello",
        },
    ]
    assert binary["content"] == {"size": 5, "files": 1}
    assert [one["kind"] for one in binary["payloads"]] == ["meta", "layout", "index", "content"]
    assert binary["packages"][0]["provides"] == ["binary(hello)", "name(hello)"]
    assert repository["packages"][0]["uri"] == "x.stone"
    assert build_manifest["packages"][0]["build_release"] == 0


def test_a_refused_file_is_a_finding_and_the_others_are_still_read(tmp_path: Path, good: Path) -> None:
    broken = tmp_path / "broken.stone"
    broken.write_bytes(GOOD[:40])
    ended = serpent("inspect", "--json", broken, good)
    assert ended.code == 1
    assert ended.err == f"serpent: {broken} at byte 32: a payload header needs 32 bytes, 8 are left\n"
    refused, read = ended.document["files"]
    assert refused == {
        "path": str(broken),
        "error": {
            "path": str(broken),
            "offset": 32,
            "line": None,
            "column": None,
            "reason": "a payload header needs 32 bytes, 8 are left",
        },
    }
    assert read["packages"][0]["name"] == "hello"


def test_only_a_check_reads_the_content(tmp_path: Path) -> None:
    path = tmp_path / "broken.stone"
    path.write_bytes(CONTENT_BROKEN)
    assert serpent("inspect", path).code == 0
    ended = serpent("inspect", "--check", path)
    assert ended.code == 1
    assert str(path) in ended.err


def test_a_check_wants_the_hashes_of_an_index(tmp_path: Path) -> None:
    path = tmp_path / "stone.index"
    path.write_bytes(container(meta_payload(), file_type=3))
    assert serpent("inspect", path).code == 0
    assert serpent("inspect", "--check", path).code == 1


def test_lenient_reading_tolerates_what_strict_reading_refuses(tmp_path: Path) -> None:
    path = tmp_path / "trailing.stone"
    path.write_bytes(GOOD + b"garbage")
    assert serpent("inspect", path).code == 1
    assert serpent("inspect", "--lenient", "--check", path).code == 0
    assert serpent("extract", path, tmp_path / "strict").code == 1
    assert serpent("extract", "--lenient", path, tmp_path / "lenient").code == 0


def test_text_of_strangers_commands_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "evil.stone"
    path.write_bytes(package({"bin/x": b""}, meta=replace(SAMPLE, summary="\x1b[2Jgone [bold]\u202e")))
    ended = serpent("inspect", path)
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "\\x1b[2Jgone [bold]\\u202e" in ended.out


@pytest.mark.parametrize("command", [["inspect"], ["inspect", "--json"], ["extract"]])
def test_what_the_machine_cannot_read_ends_with_three(tmp_path: Path, command: list[str]) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("missing", "fifo", "."):
        rest = [tmp_path / "out"] if command == ["extract"] else []
        ended = serpent(*command, tmp_path / name, *rest)
        assert ended.code == 3
        assert ended.err.startswith(f"serpent: {tmp_path}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["nope"], ["inspect"], ["extract", "x"], ["index"], ["inspect", "--nope", "x"]]
)
def test_a_wrong_command_line_ends_with_two(arguments: list[str]) -> None:
    assert serpent(*arguments).code == 2


def test_extract_unpacks_below_usr(tmp_path: Path, good: Path) -> None:
    ended = serpent("extract", good, tmp_path / "deep/root")
    assert (ended.code, ended.err) == (0, "")
    assert (tmp_path / "deep/root/usr/bin/hello").read_bytes() == b"hello"
    assert (tmp_path / "deep/root/usr/bin/hi").readlink() == Path("hello")
    assert serpent("extract", good, tmp_path / "deep/root").code == 1
    assert serpent("extract", "--replace", good, tmp_path / "deep/root").code == 0


@pytest.mark.parametrize("target", ["../../escaped", "/escaped", "bin/../../../escaped"])
def test_extract_refuses_paths_that_leave_the_directory(tmp_path: Path, target: str) -> None:
    path = tmp_path / "evil.stone"
    path.write_bytes(package({target: b"evil"}))
    for options in ([], ["--lenient"]):
        ended = serpent("extract", *options, path, tmp_path / "root")
        assert ended.code == 1
        assert "relative to /usr" in ended.err
    assert [one.name for one in tmp_path.rglob("*")] == ["evil.stone", "root"]


def test_extract_follows_no_link_out(tmp_path: Path, good: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for root, link in (("one", "usr"), ("two", "usr/bin")):
        place = tmp_path / root / link
        place.parent.mkdir(parents=True)
        place.symlink_to(outside)
        ended = serpent("extract", "--replace", good, tmp_path / root)
        assert ended.code == 1
    evil = tmp_path / "evil.stone"
    evil.write_bytes(
        package(
            {},
            *(
                LayoutEntry(kind=EntryKind.SYMLINK, target=target, mode=0o120777, link=str(outside))
                for target in ("a", "a/b")
            ),
        )
    )
    assert serpent("extract", "--lenient", evil, tmp_path / "three").code == 1
    assert list(outside.iterdir()) == []


def test_extract_refuses_more_than_the_disk_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: Path) -> None:
    monkeypatch.setattr("serpent_infra.cli.extract.free_bytes", lambda _: 4)
    ended = serpent("extract", good, tmp_path / "root")
    assert ended.code == 1
    assert "5 bytes to unpack, 4 are allowed" in ended.err


def test_index_writes_the_index_and_says_how_many(tmp_path: Path, good: Path) -> None:
    ended = serpent("index", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"1 packages in {tmp_path}/stone.index\n"
    (tmp_path / "out").mkdir()
    assert serpent("index", tmp_path, "-o", tmp_path / "out").code == 0
    assert [one.uri for one in read_index(tmp_path / "out/stone.index")] == ["../hello.stone"]


def test_index_refuses_twins_and_damage_and_reports_the_machine(tmp_path: Path, good: Path) -> None:
    assert serpent("index", tmp_path, "-o", tmp_path / "missing").code == 3
    (tmp_path / "twin.stone").write_bytes(GOOD)
    ended = serpent("index", tmp_path)
    assert ended.code == 1
    assert "hello.stone" in ended.err
    assert "twin.stone" in ended.err


def test_a_huge_declaration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.stone"
    path.write_bytes(container(payload(PayloadKind.META, b"", 3, stored=frames.compress(b"x"), plain_size=1 << 60)))
    ended = serpent("inspect", path)
    assert ended.code == 1
    assert "allowed" in ended.err


def test_the_command_stands_beside_the_interpreter_and_loads_no_django(tmp_path: Path, good: Path) -> None:
    command = Path(sys.executable).with_name("serpent")
    found = subprocess.run(
        [command, "inspect", "--check", "-q", good], check=True, capture_output=True, text=True, cwd=tmp_path, env={}
    )
    assert (found.stdout, found.stderr) == ("", "")
    loaded = (
        "import sys, serpent_infra.cli.app; print({m.partition('.')[0] for m in sys.modules} & {'django', 'celery'})"
    )
    found = subprocess.run(
        [sys.executable, "-c", loaded], check=True, capture_output=True, text=True, cwd=tmp_path, env={}
    )
    assert found.stdout == "set()\n"


@pytest.mark.real_data
def test_every_real_stone_and_manifest_passes_the_check(shared_data: Path, recipe_tree: Path) -> None:
    stones = sorted((shared_data / "stones").glob("*.stone"))
    manifests = sorted(recipe_tree.rglob("manifest.*.bin"))
    ended = serpent("inspect", "--check", "--json", *stones, *manifests)
    assert (ended.code, ended.err) == (0, "")
    files = ended.document["files"]
    assert len(files) == 4 + 1737
    assert sum(len(one["packages"]) for one in files) == 4 + 3993
    assert {one["file_type"] for one in files} == {"binary", "manifest"}


@pytest.mark.real_data
def test_real_stones_are_indexed_and_unpacked(shared_data: Path, tmp_path: Path) -> None:
    stones = shared_data / "stones"
    ended = serpent("index", stones, "-o", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    entries = read_index(tmp_path / "stone.index")
    assert [one.name for one in entries] == ["bash-completion", "italian-pizza", "nano", "nano-dbginfo"]
    for entry in entries:
        path = tmp_path / str(entry.uri)
        assert path.stat().st_size == entry.size
        assert serpent("extract", path, tmp_path / entry.name).code == 0
    assert (tmp_path / "nano/usr/bin/rnano").readlink() == Path("nano")
    assert (tmp_path / "nano/usr/bin/nano").stat().st_size == 328_024
