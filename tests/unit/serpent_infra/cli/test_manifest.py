"""`serpent manifest`: what it prints, and the exit codes that it promises."""

from dataclasses import replace
from pathlib import Path

import pytest

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import encode_manifest
from tests.unit.serpent_infra.cli.command import serpent
from tests.unit.serpent_infra.formats.crafted import SAMPLE

NEED = Capability.name("zlib")
OLD = [SAMPLE, replace(SAMPLE, name="hello-docs")]
NEW = [replace(SAMPLE, release=4, depends=SAMPLE.depends | {NEED}, summary="Greets\x1b[2J")]


@pytest.fixture
def manifests(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old.bin", tmp_path / "new.bin"
    old.write_bytes(encode_manifest(OLD))
    new.write_bytes(encode_manifest(NEW))
    return old, new


def test_diff_of_a_manifest_and_itself_is_silent_and_ends_with_0(manifests: tuple[Path, Path]) -> None:
    old, _ = manifests
    ended = serpent("manifest", "diff", old, old)
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_diff_prints_what_came_and_went_and_ends_with_1(manifests: tuple[Path, Path]) -> None:
    ended = serpent("manifest", "diff", *manifests)
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.splitlines() == [
        "- package hello-docs",
        "all packages",
        "  release: 3 → 4",
        "hello",
        "  summary: Greets → 'Greets\\x1b[2J'",
        "  dependencies:",
        "    + zlib",
    ]


def test_diff_gives_json(manifests: tuple[Path, Path]) -> None:
    old, new = manifests
    assert serpent("manifest", "diff", "--json", old, new).document == {
        "version": 1,
        "before": str(old),
        "after": str(new),
        "added": [],
        "removed": ["hello-docs"],
        "recipe": [{"field": "release", "before": 3, "after": 4}],
        "changed": [
            {
                "name": "hello",
                "changes": [
                    {"field": "summary", "before": "Greets", "after": "Greets\x1b[2J"},
                    {"field": "depends", "added": ["zlib"], "removed": []},
                ],
            }
        ],
    }


def test_verify_accepts_the_same_file(manifests: tuple[Path, Path]) -> None:
    old, _ = manifests
    ended = serpent("manifest", "verify", old, old)
    assert (ended.code, ended.out) == (0, "accepted (the same file)\n")


def test_verify_accepts_what_the_tool_does_not_tell_apart_and_says_it(tmp_path: Path) -> None:
    promised, made = tmp_path / "promised.bin", tmp_path / "made.bin"
    promised.write_bytes(encode_manifest([replace(SAMPLE, depends=frozenset({NEED}))]))
    made.write_bytes(encode_manifest([replace(SAMPLE, depends=frozenset(), build_depends=(NEED,))]))
    ended = serpent("manifest", "verify", promised, made)
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "accepted"
    assert "    - zlib" in ended.out.splitlines()
    document = serpent("manifest", "verify", "--json", promised, made).document
    assert (document["is_accepted"], document["is_same_file"]) == (True, False)


def test_verify_refuses_another_package_and_ends_with_1(manifests: tuple[Path, Path]) -> None:
    ended = serpent("manifest", "verify", *manifests)
    assert ended.code == 1
    assert ended.out.splitlines()[-1] == "refused"


@pytest.mark.parametrize("command", ["diff", "verify"])
def test_what_is_no_manifest_is_named(manifests: tuple[Path, Path], tmp_path: Path, command: str) -> None:
    old, _ = manifests
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(b"no manifest")
    ended = serpent("manifest", command, old, wrong)
    assert ended.code == 1
    assert ended.err.startswith(f"serpent: {wrong} at byte 0: ") or ended.err.startswith(f"serpent: {wrong}: ")
    missing = serpent("manifest", command, old, tmp_path / "missing.bin")
    assert (missing.code, missing.err) == (3, f"serpent: {tmp_path / 'missing.bin'}: No such file or directory\n")


def test_a_wrong_command_line_ends_with_2(manifests: tuple[Path, Path]) -> None:
    assert serpent("manifest", "diff", manifests[0]).code == 2
    assert serpent("manifest", "dif", *manifests).code == 2
