"""The real boulder builds with our macro files and our stones, and holds the build to our manifest."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from serpent_infra.formats.manifest import decode_manifest, encode_manifest
from serpent_infra.formats.manifest_verify import verify
from serpent_infra.formats.stone.meta import Meta
from tests.factories.vessel import make_meta
from tests.integration.real_tools.build_root import Boulder
from tests.integration.real_tools.conftest import GREET_DATA


def test_boulder_builds_with_our_macros_what_we_pack(boulder: Boulder, ours: list[Path], tmp_path: Path) -> None:
    done = boulder.build(GREET_DATA / "stone.yaml", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    theirs = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert theirs == {path.name: path.read_bytes() for path in ours}


def test_boulder_verifies_our_manifest_by_its_hash(boulder: Boulder, ours: list[Path], tmp_path: Path) -> None:
    done = boulder.build(GREET_DATA / "stone.yaml", tmp_path / "out", "--verify", ours[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "matches built manifest based on hash match" in done.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == [ours[0].name]


def _plain(meta: Meta) -> list[Meta]:
    return [meta]


CHANGES: dict[str, Callable[[Meta], list[Meta]]] = {
    "nothing": _plain,
    "the build release and the index's fields": lambda meta: [
        replace(meta, build_release=7, uri="x", hash="0" * 64, size=1)
    ],
    "the summary": lambda meta: [replace(meta, summary="Another")],
    "the licences": lambda meta: [replace(meta, licenses=("MIT",))],
    "a dependency": lambda meta: [replace(meta, depends=make_meta().depends)],
    "a provider": lambda meta: [replace(meta, provides=make_meta().provides)],
    "one more package": lambda meta: [meta, replace(meta, name="greet-extra")],
    "a debug package": lambda meta: [meta, replace(meta, name="greet-data-dbginfo")],
    "no package": lambda _: [],
    "the release": lambda meta: [replace(meta, release=meta.release + 1)],
}


@pytest.mark.parametrize("change", CHANGES)
def test_boulder_and_we_judge_alike(boulder: Boulder, ours: list[Path], tmp_path: Path, change: str) -> None:
    made = ours[1].read_bytes()
    (meta,) = decode_manifest(made)
    promised = encode_manifest(CHANGES[change](meta))
    (tmp_path / "promised.bin").write_bytes(promised)
    done = boulder.build(GREET_DATA / "stone.yaml", tmp_path / "out", "--verify", tmp_path / "promised.bin")
    verdict = verify(promised, made)
    assert ("hash match" in done.stdout) == verdict.is_same_file
    assert (done.returncode == 0) == verdict.is_accepted, done.stdout + done.stderr
    assert ("does not match verification manifest" in done.stdout + done.stderr) == (not verdict.is_accepted)
