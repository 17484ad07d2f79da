"""A client's configuration, written by the real moss and read by us, and the other way round."""

from pathlib import Path

import pytest

from serpent_infra.formats.client.files import encode_repositories, parse_kdl_repositories
from serpent_infra.formats.client.repository import ChannelSource, DirectSource, Repository
from serpent_infra.formats.client.root import read_repositories
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index_directory import write_directory_index
from serpent_infra.formats.kdl import parse_kdl
from serpent_infra.formats.root_index import FILE_NAME, Pointer, RootIndex, encode_root_index, index_path
from tests.factories.vessel import make_meta, make_stone
from tests.integration.real_tools.conftest import Moss


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A published tree by hand: a channel of one package in one history."""
    channel = tmp_path / "tree/side"
    folder = (channel / index_path("100", "x86_64")).parent
    folder.mkdir(parents=True)
    make_stone(folder, make_meta("sample", depends=frozenset()))
    write_directory_index(folder)
    index = RootIndex(streams={"volatile": Pointer("100")}, tags={"spring": Pointer("100")}, history={"100": "v0"})
    (channel / FILE_NAME).write_bytes(encode_root_index(index))
    return tmp_path / "tree"


def by_hand(tree: Path) -> list[Repository]:
    """One repository of each kind; the base URI ends in `/`, as moss has it."""
    index = DirectSource(f"file://{tree}/side/history/100/x86_64/stone.index")
    base = f"file://{tree}/"
    return [
        Repository(id="direct", description='Direct "and" \\ quoted – größer', source=index, priority=7),
        Repository(
            id="by-stream", description="a", source=ChannelSource(base, "stream/volatile", "side"), priority=2**63 - 1
        ),
        Repository(id="by_tag", description="b", source=ChannelSource(base, "tag/spring", "side"), priority=0),
        Repository(id="off", description="c", source=index, priority=1, is_active=False),
    ]


def test_we_read_what_moss_writes(moss: Moss, tree: Path) -> None:
    for one in by_hand(tree):
        words = ["repo", "add", one.id, "-c", one.description, "-p", str(one.priority)]
        match one.source:
            case DirectSource(uri):
                moss(*words, uri)
            case ChannelSource() as source:
                moss(*words, source.base_uri, "--root-index", f"channel={source.channel},version={source.version}")
        if not one.is_active:
            moss("repo", "disable", one.id)
    assert read_repositories(moss.root) == {one.id: one for one in by_hand(tree)}


def test_moss_reads_what_we_write(moss: Moss, tree: Path) -> None:
    folder = moss.root / "etc/moss/repo.d"
    folder.mkdir(parents=True)
    (folder / "ours.kdl").write_bytes(encode_repositories(by_hand(tree)))
    said = moss("repo", "list")
    for one in by_hand(tree):
        assert f" - {one.id} = " in said
        assert f"[{one.priority}]" in said
    moss("repo", "update")
    assert moss.listed("available") == {"sample": "8.4-1"}
    remembered = {path.name for path in (moss.root / ".moss/repo").iterdir()}
    assert remembered == {one.source.cache_name for one in by_hand(tree) if one.is_active}


def test_we_read_the_system_model_that_moss_writes(moss: Moss, tree: Path) -> None:
    (direct, *_) = by_hand(tree)
    assert isinstance(direct.source, DirectSource)
    moss("repo", "add", direct.id, direct.source.uri, "-c", direct.description, "-p", str(direct.priority))
    moss("install", "sample")
    written = (moss.root / "usr/lib/system-model.kdl").read_bytes()
    nodes = {node.name: node for node in parse_kdl(written)}
    assert [child.name for child in nodes["packages"].children] == ["sample"]
    (moss.root / "etc/moss/system-model.kdl").write_bytes(written)
    assert read_repositories(moss.root) == {direct.id: direct}
    assert f" - {direct.id} = {direct.source.uri} [{direct.priority}]" in moss("repo", "list")


CRAFTED = {
    "plain words": "x {\n    description words\n    uri file:///nowhere/stone.index\n    priority 1\n}\n",
    "a comment and a raw string": '// c\nx { description #"a "b""#; uri "file:///a"; priority 0x10 }\n',
    "false": 'x {\n description d\n uri "file:///a"\n priority 1\n active #false\n}\n',
    "no priority": 'x {\n description d\n uri "file:///a"\n}\n',
    "no description": 'x {\n uri "file:///a"\n priority 1\n}\n',
    "a negative priority": 'x {\n description d\n uri "file:///a"\n priority -1\n}\n',
    "no source": "x {\n description d\n priority 1\n}\n",
    "no version": 'x {\n description d\n base-uri "file:///a/"\n priority 1\n}\n',
    "a version without scope": 'x {\n description d\n base-uri "file:///a/"\n version volatile\n priority 1\n}\n',
    "a text for a number": 'x {\n description d\n uri "file:///a"\n priority "1"\n}\n',
    "no address": "x {\n description d\n uri nowhere\n priority 1\n}\n",
    "an unclosed node": "x {\n description d\n",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_moss_and_we_take_the_same_files(moss: Moss, name: str) -> None:
    folder = moss.root / "etc/moss/repo.d"
    folder.mkdir(parents=True)
    (folder / "x.kdl").write_text(CRAFTED[name])
    try:
        mine = [one.id for one in parse_kdl_repositories(CRAFTED[name].encode())]
    except FormatError as error:
        mine = [str(error)]
    done = moss.run("repo", "list")
    theirs = ["x"] if done.returncode == 0 and " x" in done.stdout else [done.stdout + done.stderr]
    assert (theirs == ["x"]) == (mine == ["x"]), (theirs, mine)
