"""Real stones and our own through the whole import, and the real moss on what comes out."""

from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from serpent_infra.formats.index import read_index
from serpent_infra.formats.stone.package import read_package
from tests.factories.vessel import AT, bring_in, later, make_meta, make_order, make_stone, make_stream
from tests.fakes.builder import serve
from tests.integration.real_tools.conftest import Moss
from vessel import intake, versions
from vessel.check import findings
from vessel.models import Import, Stream, Version
from vessel.states import ImportStatus

pytestmark = [pytest.mark.django_db, pytest.mark.real_data]

GROUPS = [
    ("nano-8.3-33-1-x86_64.stone", "nano-dbginfo-8.3-33-1-x86_64.stone"),
    ("bash-completion-2.11-1-1-x86_64.stone",),
    ("italian-pizza-1-1-1-x86_64.stone",),
]
OFFERED = {
    "bash-completion": "2.11-1",
    "greet-data": "3-1",
    "italian-pizza": "1-1",
    "nano": "8.3-33",
    "nano-dbginfo": "8.3-33",
}
INSTALLED = ("nano-dbginfo", "bash-completion", "greet-data")  # they need nothing else


@pytest.fixture
def repository(shared_data: Path, ours: list[Path], public_dir: Path) -> Path:
    """A channel with the real stones and one of ours, fetched over HTTP."""
    stream = make_stream()
    groups = [[shared_data / "stones" / name for name in group] for group in GROUPS]
    for number, group in enumerate([*groups, ours[:1]]):
        with serve(group[0].parent) as builder:
            order = make_order(group, base_uri=builder.uri)
            intake.request(order=order, reply_to="test.settle", at=AT)
            intake.process(reference=order.reference, clock=lambda number=number: later(number))  # type: ignore[misc]
        subject = Import.objects.get(reference=order.reference)
        assert subject.status == ImportStatus.PUBLISHED, subject.problem
    assert list(findings(stream.channel)) == []
    return public_dir


@pytest.fixture
def address(live_server: LiveServer) -> str:
    """Where the hub serves the tree; by number, because moss takes `http://localhost/…` for a file of its own disk."""
    return live_server.url.replace("//localhost:", "//127.0.0.1:") + "/repository/"


def test_real_stones_are_published_as_they_are(repository: Path, shared_data: Path, ours: list[Path]) -> None:
    index = repository / "main/stream/volatile/x86_64/stone.index"
    metas = read_index(index)
    assert [meta.name for meta in metas] == sorted(OFFERED)
    for meta in metas:
        assert meta.uri is not None
        folder = ours[0].parent if meta.file_name == ours[0].name else shared_data / "stones"
        original = folder / meta.file_name
        assert (index.parent / meta.uri).resolve().read_bytes() == original.read_bytes()
        package = read_package(original).meta
        assert (meta.provides, meta.depends, meta.conflicts) == (package.provides, package.depends, package.conflicts)


def check_installed(moss: Moss) -> None:
    """Lets moss install what needs nothing else, and hash all of it again."""
    moss("install", *INSTALLED)
    assert moss.listed("installed") == {name: OFFERED[name] for name in INSTALLED}
    assert "No issues found" in moss("state", "verify")
    usr = moss.root / "usr"
    assert (usr / "share/greet/whom").read_bytes() != b""
    assert (usr / "share/bash-completion/bash_completion").is_file()
    assert len(list((usr / "lib/debug/.build-id").rglob("*.debug"))) == 1


def test_moss_installs_by_the_root_index_over_http(moss: Moss, repository: Path, address: str) -> None:
    moss("repo", "add", "vol", address, "--root-index", "version=stream/volatile")
    assert address in moss("repo", "list")
    assert moss.listed("available") == OFFERED
    check_installed(moss)


def test_moss_installs_by_an_index_over_http(moss: Moss, repository: Path, address: str) -> None:
    moss("repo", "add", "vol", f"{address}main/stream/volatile/x86_64/stone.index")
    assert moss.listed("available") == OFFERED
    check_installed(moss)


def test_moss_installs_from_the_tree_on_disk(moss: Moss, repository: Path) -> None:
    moss("repo", "add", "vol", f"file://{repository}/", "--root-index", "version=stream/volatile")
    assert moss.listed("available") == OFFERED
    check_installed(moss)


def test_moss_fetches_the_stones_as_they_are(moss: Moss, repository: Path, address: str) -> None:
    moss("repo", "add", "vol", address, "--root-index", "version=stream/volatile")
    fetched = moss.root.parent / "fetched"
    fetched.mkdir()
    moss("fetch", "-o", fetched, *INSTALLED)
    published = {path.name: path.read_bytes() for path in repository.glob("main/pool/v0/**/*.stone")}
    got = {path.name: path.read_bytes() for path in fetched.glob("*.stone")}
    assert len(got) == len(INSTALLED)
    assert got == {name: published[name] for name in got}


def test_moss_reads_what_a_stream_says_of_its_packages(moss: Moss, repository: Path) -> None:
    moss("repo", "add", "vol", f"file://{repository}/", "--root-index", "version=stream/volatile")
    said = moss("info", "nano")
    meta = next(
        meta for meta in read_index(repository / "main/stream/volatile/x86_64/stone.index") if meta.name == "nano"
    )
    for capability in (*meta.depends, *meta.provides):
        assert capability.text in said
    assert meta.homepage in said


@pytest.fixture
def releases(public_dir: Path, tmp_path: Path) -> list[Version]:
    """The versions of a stream that offered one release of a package, then the next."""
    stream = make_stream()
    found = []
    for release in (1, 2):
        stone = make_stone(tmp_path, make_meta("sample", release=release, depends=frozenset()))
        assert bring_in([stone], at=later(release)).status == ImportStatus.PUBLISHED
        stream.refresh_from_db()
        assert stream.version is not None
        found.append(stream.version)
    return found


def test_moss_sees_a_rollback(moss: Moss, releases: list[Version], address: str) -> None:
    older, newer = releases
    moss("repo", "add", "vol", address, "--root-index", "version=stream/volatile")
    moss("install", "sample")
    assert moss.listed("installed") == {"sample": "8.4-2"}

    versions.move_stream(
        stream=Stream.objects.get(), version=older, expected=newer, who="ann", why="broken", at=later(9)
    )

    moss("repo", "update")
    assert moss.listed("available") == {"sample": "8.4-1"}
    moss("sync")
    assert moss.listed("installed") == {"sample": "8.4-1"}


def test_moss_follows_histories_and_tags(moss: Moss, releases: list[Version], address: str) -> None:
    older, newer = releases
    versions.tag_version(version=newer, name="spring", who="ann", at=later(9))
    moss("repo", "add", "pinned", address, "-p", "10", "--root-index", f"version=history/{older}")
    moss("repo", "add", "tagged", address, "-p", "5", "--root-index", "version=tag/spring")
    assert moss.listed("available") == {"sample": "8.4-1"}
    moss("repo", "disable", "pinned")
    assert moss.listed("available") == {"sample": "8.4-2"}
