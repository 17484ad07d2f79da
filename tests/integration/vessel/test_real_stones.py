"""Real stones through the whole import, and the real moss on what comes out, where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from serpent_infra.formats.index import read_index
from serpent_infra.formats.stone.package import read_package
from tests.factories.vessel import AT, later, make_order, make_stream
from tests.fakes.builder import serve
from vessel import intake
from vessel.check import findings
from vessel.models import Import
from vessel.states import ImportStatus

pytestmark = [pytest.mark.django_db, pytest.mark.real_data]

GROUPS = [
    ("nano-8.3-33-1-x86_64.stone", "nano-dbginfo-8.3-33-1-x86_64.stone"),
    ("bash-completion-2.11-1-1-x86_64.stone",),
    ("italian-pizza-1-1-1-x86_64.stone",),
]


@pytest.fixture
def repository(shared_data: Path, public_dir: Path) -> Path:
    """A channel with the real stones, fetched over HTTP."""
    stream = make_stream()
    folder = shared_data / "stones"
    with serve(folder) as builder:
        for number, group in enumerate(GROUPS):
            order = make_order([folder / name for name in group], base_uri=builder.uri)
            intake.request(order=order, reply_to="test.settle", at=AT)
            intake.process(reference=order.reference, clock=lambda number=number: later(number))  # type: ignore[misc]
            subject = Import.objects.get(reference=order.reference)
            assert subject.status == ImportStatus.PUBLISHED, subject.problem
    assert list(findings(stream.channel)) == []
    return public_dir


def test_real_stones_are_published_as_they_are(repository: Path, shared_data: Path) -> None:
    index = repository / "main/stream/volatile/x86_64/stone.index"
    metas = read_index(index)
    assert [meta.name for meta in metas] == ["bash-completion", "italian-pizza", "nano", "nano-dbginfo"]
    for meta in metas:
        assert meta.uri is not None
        original = shared_data / "stones" / meta.file_name
        assert (index.parent / meta.uri).resolve().read_bytes() == original.read_bytes()
        package = read_package(original).meta
        assert (meta.provides, meta.depends, meta.conflicts) == (package.provides, package.depends, package.conflicts)


@pytest.mark.skipif(shutil.which("moss") is None, reason="moss is not on PATH")
def test_moss_installs_from_the_repository(repository: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()

    def moss(*arguments: str) -> str:
        command = ["moss", "-D", str(root), "-y", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    moss("repo", "add", "vol", f"file://{repository}/", "--root-index", "version=stream/volatile")
    assert "italian-pizza" in moss("list", "available")
    moss("install", "nano-dbginfo", "italian-pizza")
    assert "nano-dbginfo" in moss("list", "installed")
