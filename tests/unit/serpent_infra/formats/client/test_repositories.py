"""A client finds its repositories, their indexes and their packages."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.client.files import encode_repositories, parse_kdl_repositories, parse_yaml_repositories
from serpent_infra.formats.client.repository import (
    MAX_PRIORITY,
    ChannelSource,
    DirectSource,
    Repository,
    package_uri,
    sanitised,
)
from serpent_infra.formats.client.root import read_repositories, save_repository
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.root_index import Pointer, RootIndex

YAML = b"""local:
    description: test
    uri: "file:///srv/repo/stone.index"
    priority: 10
volatile:
    description: "A volatile one"
    base-uri: https://cdn.example.org/
    version: stream/volatile
    priority: 0
    active: false
"""
KDL = b"""// two repositories
local {
    description test
    uri "file:///srv/repo/stone.index"
    priority 10
}
volatile {
    description "A volatile one"
    base-uri "https://cdn.example.org/"
    channel main
    version "stream/volatile"
    arch x86_64
    priority 0
    active #false
}
"""
LOCAL = Repository(id="local", description="test", source=DirectSource("file:///srv/repo/stone.index"), priority=10)
VOLATILE = Repository(
    id="volatile",
    description="A volatile one",
    source=ChannelSource("https://cdn.example.org/", "stream/volatile", "main", "x86_64"),
    priority=0,
    is_active=False,
)


def test_both_languages_say_the_same() -> None:
    assert parse_yaml_repositories(YAML) == [LOCAL, VOLATILE]
    assert parse_kdl_repositories(KDL) == [LOCAL, VOLATILE]
    assert parse_kdl_repositories(encode_repositories([LOCAL, VOLATILE])) == [LOCAL, VOLATILE]


def test_what_is_saved_is_the_form_of_the_specification() -> None:
    assert encode_repositories([VOLATILE]) == (
        b"volatile {\n"
        b'    description "A volatile one"\n'
        b'    base-uri "https://cdn.example.org/"\n'
        b"    channel main\n"
        b'    version "stream/volatile"\n'
        b"    arch x86_64\n"
        b"    priority 0\n"
        b"    active #false\n"
        b"}\n"
    )


REFUSED_YAML = {
    "- a": (1, 1, "expected a map of repositories"),
    "a: b": (1, 4, "expected a as a map"),
    "a:\n  description: [x]": (2, 16, "one value"),
    "a:\n  uri: file:///x\n  priority: 1": (1, 1, "no description"),
    "a:\n  description: x\n  uri: file:///x": (1, 1, "no priority"),
    "a:\n  description: x\n  priority: 1": (1, 1, "neither uri and base-uri"),
    "a:\n  description: x\n  priority: 1\n  uri: file:///x\n  base-uri: file:///x": (1, 1, "both uri and base-uri"),
    "a:\n  description: x\n  priority: 1\n  base-uri: file:///x": (1, 1, "no version"),
    "a:\n  description: x\n  priority: -1\n  uri: file:///x": (3, 13, "whole number"),
    "a:\n  description: x\n  priority: 1.0\n  uri: file:///x": (3, 13, "whole number"),
    "a:\n  description: x\n  priority: 18446744073709551616\n  uri: file:///x": (1, 1, "between 0 and"),
    "a:\n  description: x\n  priority: 1\n  uri: file:///x\n  active: yes": (5, 11, "true or false"),
    "a:\n  description: x\n  priority: 1\n  uri: ftp://x/y": (1, 1, "no URI of http"),
    "a:\n  description: x\n  priority: 1\n  uri: http://[x/y": (1, 1, "no URI"),
    "a:\n  description: x\n  priority: 1\n  base-uri: http://x\n  version: volatile": (1, 1, "neither stream"),
    "a:\n  description: x\n  priority: 1\n  base-uri: http://x\n  version: tag/x\n  channel: ../y": (1, 1, "file name"),
    "a b: &x\n  description: x": (1, 6, "anchors"),
    "a b: {description: x, priority: 1, uri: file:///x}\na_b: {description: x, priority: 1, uri: file:///x}": (
        *(2, 1, "a_b is given twice"),
    ),
}


@pytest.mark.parametrize(("text", "place"), REFUSED_YAML.items())
def test_yaml_that_is_wrong_is_refused_with_its_place(text: str, place: tuple[int, int, str]) -> None:
    line, column, reason = place
    with pytest.raises(FormatError, match=reason) as caught:
        parse_yaml_repositories(text.encode(), path="repo.yaml")
    assert (caught.value.path, caught.value.line, caught.value.column) == ("repo.yaml", line, column)


REFUSED_KDL = {
    "a x": (1, 1, "between braces"),
    "a x=1 { b c }": (1, 1, "between braces"),
    "a {\n  description\n}": (2, 3, "one value"),
    "a {\n  description x y\n}": (2, 3, "one value"),
    "a {\n  description x\n  description y\n}": (3, 3, "given twice"),
    'a {\n  description x\n  uri "file:///x"\n  priority "1"\n}': (4, 3, "whole number"),
    'a {\n  description x\n  uri "file:///x"\n  priority #true\n}': (4, 3, "whole number"),
    'a {\n  description 1\n  uri "file:///x"\n  priority 1\n}': (2, 3, "a text"),
    'a {\n  description x\n  uri "file:///x"\n  priority 1\n  active yes\n}': (5, 3, "true or false"),
    '"" {\n  description x\n  uri "file:///x"\n  priority 1\n}': (1, 1, "repository's name"),
}


@pytest.mark.parametrize(("text", "place"), REFUSED_KDL.items())
def test_kdl_that_is_wrong_is_refused_with_its_place(text: str, place: tuple[int, int, str]) -> None:
    line, column, reason = place
    with pytest.raises(FormatError, match=reason) as caught:
        parse_kdl_repositories(text.encode(), path="repo.kdl")
    assert (caught.value.path, caught.value.line, caught.value.column) == ("repo.kdl", line, column)


def test_keys_that_are_not_known_yet_are_ignored() -> None:
    more = YAML.replace(b"    priority: 10\n", b"    priority: 10\n    mirror: https://x/\n")
    assert parse_yaml_repositories(more) == [LOCAL, VOLATILE]


def test_ids_are_letters_digits_dashes_and_underscores() -> None:
    assert sanitised("my repo/ü-1.x_y") == "my_repo_ü-1_x_y"
    assert [one.id for one in parse_yaml_repositories(YAML.replace(b"local:", b"'my repo':"))] == [
        "my_repo",
        "volatile",
    ]
    with pytest.raises(FormatError, match="no repository's name"):
        replace(LOCAL, id="../escape")


def write(root: Path, name: str, identifier: str, priority: int) -> None:
    """Writes a configuration of one repository, its language by the name's suffix."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    one = replace(LOCAL, id=identifier, priority=priority)
    if name.endswith(".kdl"):
        path.write_bytes(encode_repositories([one]))
    else:
        path.write_text(f"{identifier}:\n  description: test\n  uri: {LOCAL.source.uri}\n  priority: {priority}\n")  # type: ignore[union-attr]  # it is a direct one


def test_a_root_is_read_vendor_first_and_the_administrator_wins(tmp_path: Path) -> None:
    write(tmp_path, "usr/share/moss/repo.yaml", "base", 1)
    write(tmp_path, "usr/share/moss/repo.d/b.yaml", "both", 2)
    write(tmp_path, "usr/share/moss/repo.d/a.kdl", "vendor", 3)
    write(tmp_path, "etc/moss/repo.d/both.kdl", "both", 4)
    write(tmp_path, "etc/moss/repo.d/notes.txt", "nobody", 5)
    found = read_repositories(tmp_path)
    assert {name: one.priority for name, one in found.items()} == {"base": 1, "vendor": 3, "both": 4}
    assert list(found) == ["base", "vendor", "both"]


def test_kdl_hides_the_yaml_of_its_stem_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, "etc/moss/repo.yaml", "hidden", 1)
    write(tmp_path, "etc/moss/repo.kdl", "seen", 2)
    write(tmp_path, "etc/moss/repo.d/x.yaml", "hidden-too", 3)
    write(tmp_path, "etc/moss/repo.d/x.kdl", "seen-too", 4)
    write(tmp_path, "usr/share/moss/repo.yaml", "elsewhere", 5)
    assert sorted(read_repositories(tmp_path)) == ["elsewhere", "seen", "seen-too"]


def test_a_system_model_takes_the_place_of_all_files(tmp_path: Path) -> None:
    write(tmp_path, "etc/moss/repo.yaml", "hidden", 1)
    (tmp_path / "etc/moss/system-model.kdl").write_text(
        "disable_warning #true\n"
        'repositories {\n  one { uri "file:///x"; priority 7; enabled #false; }\n}\n'
        'packages {\n  nano\n  "pkgconfig(x)"\n}\n'
    )
    (one,) = read_repositories(tmp_path).values()
    assert (one.id, one.priority, one.is_active) == ("one", 7, False)
    (tmp_path / "etc/moss/system-model.kdl").write_text("packages\n")
    assert read_repositories(tmp_path) == {}


def test_a_saved_repository_is_read_back(tmp_path: Path) -> None:
    assert read_repositories(tmp_path) == {}
    path = save_repository(tmp_path, VOLATILE)
    assert path == tmp_path / "etc/moss/repo.d/volatile.kdl"
    assert save_repository(tmp_path, replace(VOLATILE, priority=3)) == path
    assert read_repositories(tmp_path) == {"volatile": replace(VOLATILE, priority=3)}
    assert [one.name for one in path.parent.iterdir()] == ["volatile.kdl"]


def test_an_error_names_the_file(tmp_path: Path) -> None:
    write(tmp_path, "etc/moss/repo.d/x.yaml", "x", 1)
    path = tmp_path / "etc/moss/repo.d/y.kdl"
    path.write_bytes(b"y {")
    with pytest.raises(FormatError) as caught:
        read_repositories(tmp_path)
    assert str(caught.value) == f"{path}:1:3: a brace is never closed"
    path.write_bytes(b" " * (2 << 20))
    with pytest.raises(FormatError, match="are allowed"):
        read_repositories(tmp_path)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
sources = st.one_of(
    st.builds(DirectSource, st.sampled_from(["https://example.org/stone.index", "file:///srv/ü x/stone.index"])),
    st.builds(
        ChannelSource,
        st.just("https://example.org"),
        st.sampled_from(["stream/volatile", "tag/x", "history/1750000000"]),
        st.sampled_from(["main", "next"]),
        st.sampled_from(["x86_64", "aarch64"]),
    ),
)
repositories = st.builds(
    Repository,
    id=texts.map(sanitised).filter(bool),
    description=texts,
    source=sources,
    priority=st.integers(0, MAX_PRIORITY),
    is_active=st.booleans(),
)


@given(st.lists(repositories, max_size=3, unique_by=lambda one: one.id))
def test_repositories_come_back_as_they_were_saved(several: list[Repository]) -> None:
    assert parse_kdl_repositories(encode_repositories(several)) == several


ROOT_INDEX = RootIndex(
    streams={"volatile": Pointer("300"), "next": Pointer("400", format="v9")},
    tags={"old": Pointer("100", format="legacy"), "v0-final": Pointer("300")},
    history={"100": "legacy", "200": "v0", "300": "v0", "400": "v9"},
    formats={"v0": {"upgrade_via": "tag/v0-final"}, "v9": {}},
)


@pytest.mark.parametrize("base", ["https://example.org/d", "https://example.org/d/"])
@pytest.mark.parametrize(
    ("version", "history"),
    [("stream/volatile", "300"), ("tag/old", "100"), ("tag/v0-final", "300"), ("history/200", "200")],
)
def test_a_version_leads_to_its_index(base: str, version: str, history: str) -> None:
    source = ChannelSource(base, version, architecture="aarch64")
    assert source.root_index_uri == "https://example.org/d/main/moss-root-index.json"
    assert source.index_uri(ROOT_INDEX) == f"https://example.org/d/main/history/{history}/aarch64/stone.index"


@pytest.mark.parametrize("version", ["stream/nope", "tag/volatile", "history/999", "history/"])
def test_a_version_that_is_not_there_is_refused(version: str) -> None:
    with pytest.raises(FormatError, match=f"has no {version}"):
        ChannelSource("https://example.org", version).index_uri(ROOT_INDEX)


def test_a_format_of_the_future_names_the_way_to_upgrade() -> None:
    source = ChannelSource("https://example.org", "stream/next")
    with pytest.raises(
        FormatError, match=r"'v9'.*upgrade by https://example\.org/main/history/300/x86_64/stone\.index"
    ):
        source.index_uri(ROOT_INDEX)
    for formats, way in (
        ({"v0": {}}, "names no way"),
        ({"v0": {"upgrade_via": "tag/gone"}}, "upgrade by tag/gone, but the root index has no tag/gone"),
    ):
        with pytest.raises(FormatError, match=way):
            source.index_uri(replace(ROOT_INDEX, formats=formats))


@pytest.mark.parametrize(
    ("index", "uri", "expected"),
    [
        ("file:///srv/repo/stone.index", "x.stone", "file:///srv/repo/x.stone"),
        ("file:///srv/repo/stone.index", "../pool/x.stone", "file:///srv/pool/x.stone"),
        ("http://h:8/m/history/1/x86_64/stone.index", "../../../pool/v0/n/x.stone", "http://h:8/m/pool/v0/n/x.stone"),
        ("http://h/a/stone.index", "https://other/x.stone", "https://other/x.stone"),
        ("http://h/a/stone.index", "/x.stone", "http://h/x.stone"),
        ("http://h/a/stone.index", "../../../x.stone", "http://h/x.stone"),
    ],
)
def test_packages_are_found_from_the_index(index: str, uri: str, expected: str) -> None:
    assert package_uri(index, uri) == expected


@pytest.mark.parametrize("uri", ["ftp://x/y", "javascript:x", "http://[", "gopher:///x", "http://h:x/"])
def test_a_package_that_no_client_fetches_is_refused(uri: str) -> None:
    with pytest.raises(FormatError):
        package_uri("http://h/stone.index", uri)


def test_caches_are_named_as_they_are_in_the_field() -> None:
    assert DirectSource("https://dev.serpentos.com/volatile/x86_64/stone.index").cache_name == "ac42bdab0698809"
    text = "https://example.org/-main-stream/volatile-x86_64"
    assert VOLATILE.source.cache_name != DirectSource(text).cache_name
    channel = ChannelSource("https://example.org/", "stream/volatile")
    assert channel.cache_name == DirectSource(text).cache_name
