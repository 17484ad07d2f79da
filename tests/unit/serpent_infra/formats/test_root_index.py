"""The root index has the text that clients expect, and the tree's paths stay in the tree."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.root_index import (
    Pointer,
    RootIndex,
    decode_root_index,
    encode_root_index,
    index_path,
    is_identifier,
    package_uri,
    pool_path,
    portion,
)
from tests.unit.serpent_infra.formats.crafted import SAMPLE

TEXT = """{
  "formats": {
    "v0": {
      "upgrade_via": "tag/v0-final"
    },
    "v1": {
      "any": "future object"
    }
  },
  "streams": {
    "volatile": {
      "format": "v0",
      "history": "1750000000",
      "tag": "some-tag"
    }
  },
  "tags": {
    "some-tag": {
      "format": "v0",
      "history": "1750000000"
    }
  },
  "history": {
    "1750000000": {
      "format": "v0"
    }
  }
}"""
INDEX = RootIndex(
    formats={"v0": {"upgrade_via": "tag/v0-final"}, "v1": {"any": "future object"}},
    streams={"volatile": Pointer("1750000000", tag="some-tag")},
    tags={"some-tag": Pointer("1750000000")},
    history={"1750000000": "v0"},
)
IDENTIFIERS = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,8}", fullmatch=True)


def test_the_text_is_indented_by_two_and_ends_without_a_newline() -> None:
    assert encode_root_index(INDEX).decode() == TEXT
    assert decode_root_index(TEXT.encode()) == INDEX


def test_an_empty_channel_has_all_its_tables() -> None:
    assert json.loads(encode_root_index(RootIndex())) == {
        "formats": {"v0": {}},
        "streams": {},
        "tags": {},
        "history": {},
    }


@given(st.data())
def test_a_root_index_comes_back_in_its_order(data: st.DataObject) -> None:
    history = data.draw(st.dictionaries(IDENTIFIERS, st.sampled_from(["v0", "legacy", "v7"]), min_size=1))
    pointers = st.dictionaries(
        IDENTIFIERS, st.builds(Pointer, st.sampled_from(list(history)), st.just("v0"), st.none() | IDENTIFIERS)
    )
    index = RootIndex(streams=data.draw(pointers), tags=data.draw(pointers), history=history)
    decoded = decode_root_index(encode_root_index(index))
    assert decoded == index
    assert list(decoded.history) == list(index.history)


@pytest.mark.parametrize("version", ["stream/volatile", "tag/some-tag", "history/1750000000"])
def test_a_version_resolves_to_its_history(version: str) -> None:
    assert INDEX.resolve(version) == "1750000000"


@pytest.mark.parametrize("version", ["stream/none", "tag/volatile", "history/1", "volatile", "", "branch/volatile"])
def test_a_version_that_is_not_there_is_an_error(version: str) -> None:
    with pytest.raises(FormatError):
        INDEX.resolve(version)


def without(*keys: str) -> bytes:
    document = json.loads(TEXT)
    inner = document
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b"9" * 5_000,
        TEXT.replace("future", "\\ud800").encode(),
        *(without(key) for key in ("formats", "streams", "tags", "history")),
        without("formats", "v0"),
        without("history", "1750000000"),
        without("streams", "volatile", "history"),
        without("streams", "volatile", "format"),
        TEXT.replace('"volatile"', '"../x"').encode(),
        TEXT.replace('"some-tag": {', '"": {').encode(),
        TEXT.replace('"tag": "some-tag"', '"tag": 5').encode(),
    ],
)
def test_a_broken_root_index_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        decode_root_index(data, path="moss-root-index.json")
    assert caught.value.path == "moss-root-index.json"


@given(st.binary(max_size=100))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_root_index(data)


def test_pointers_to_nothing_are_not_written() -> None:
    with pytest.raises(FormatError, match="not there"):
        encode_root_index(RootIndex(streams={"volatile": Pointer("1")}))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("v0-final", True), ("1", True), ("", False), ("-a", False), ("a_b", False), ("a\n", False), ("é", False)],
)
def test_identifiers_are_letters_digits_and_dashes(text: str, verdict: bool) -> None:  # noqa: FBT001 (pytest)
    assert is_identifier(text) is verdict


@pytest.mark.parametrize(
    ("source_id", "expected"),
    [("libz", "l"), ("libzip", "libz"), ("Nano", "n"), ("lib", "l"), ("LibreOffice", "libr"), ("a", "a")],
)
def test_portions_spread_libraries(source_id: str, expected: str) -> None:
    assert portion(source_id) == expected


def test_a_stone_lies_under_its_source_and_its_index_points_there() -> None:
    meta = replace(SAMPLE, source_id="LibHello")
    assert pool_path(meta) == "pool/v0/libh/libhello/hello-1.0-3-1-x86_64.stone"
    assert pool_path(meta, repository_format="legacy") == "legacy/pool/libh/libhello/hello-1.0-3-1-x86_64.stone"
    assert package_uri(meta) == f"../../../{pool_path(meta)}"
    assert index_path("1750000000", "x86_64") == "history/1750000000/x86_64/stone.index"


@pytest.mark.parametrize(
    "change",
    [
        {"source_id": ""},
        {"source_id": ".."},
        {"source_id": "a/b"},
        {"name": "../../x"},
        {"version": "1/2"},
        {"version": "1 2"},
        {"version": "1%2f"},
        {"version": "1?x"},
        {"architecture": "x\0"},
        {"architecture": "x\n"},
        {"version": "1" * 250},
    ],
)
def test_a_package_that_would_leave_its_folder_has_no_pool_path(change: dict[str, str]) -> None:
    with pytest.raises(FormatError):
        pool_path(replace(SAMPLE, **change))  # type: ignore[arg-type]  # text fields only


@pytest.mark.parametrize(
    ("history", "architecture"), [("..", "x86_64"), ("1", ".."), ("1", "a/b"), ("1", ""), ("", "x86_64")]
)
def test_an_index_path_takes_only_plain_names(history: str, architecture: str) -> None:
    with pytest.raises(FormatError):
        index_path(history, architecture)
