"""Indexes are concatenations of ready-made entries, and read back as the packages that went in."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import assemble, encode_entry, read_index, write_index
from serpent_infra.formats.stone.header import FileType
from serpent_infra.formats.stone.meta import Meta
from tests.unit.serpent_infra.formats.crafted import SAMPLE, container, meta_payload
from tests.unit.serpent_infra.formats.strategies import metas

SHA256 = "87" * 32
URI = "../../../pool/v0/h/hello/hello-1.0-3-1-x86_64.stone"
ENTRY = encode_entry(SAMPLE, uri=URI, sha256=SHA256, size=443)


@given(st.lists(metas(), max_size=4))
def test_an_index_gives_back_its_packages_in_order(packages: list[Meta]) -> None:
    entries = [
        encode_entry(one, uri=f"{number}.stone", sha256=SHA256, size=number) for number, one in enumerate(packages)
    ]
    expected = [replace(one, uri=f"{number}.stone", hash=SHA256, size=number) for number, one in enumerate(packages)]
    assert read_index(b"".join(assemble(entries))) == expected


def test_an_index_of_nothing_is_a_bare_header() -> None:
    empty = b"".join(assemble([]))
    assert len(empty) == 32
    assert read_index(empty) == []


def test_writing_gives_the_bytes_written(tmp_path: Path) -> None:
    path = tmp_path / "stone.index"
    with path.open("wb") as output:
        assert write_index(output, [ENTRY, ENTRY]) == 32 + 2 * len(ENTRY)
    assert path.stat().st_size == 32 + 2 * len(ENTRY)
    assert [one.uri for one in read_index(path)] == [URI, URI]


def test_65_535_packages_fit_and_one_more_does_not() -> None:
    output = io.BytesIO()
    write_index(output, [ENTRY] * 65_535)
    assert output.getvalue()[4:6] == b"\xff\xff"
    with pytest.raises(FormatError, match="65,535"):
        write_index(output, [ENTRY] * 65_536)


@pytest.mark.parametrize("entry", [ENTRY[:-1], ENTRY + b"x", ENTRY[:20], b"", container(ENTRY)])
def test_an_entry_that_is_not_one_whole_payload_is_refused(entry: bytes) -> None:
    with pytest.raises(FormatError):
        list(assemble([entry]))


@pytest.mark.parametrize("sha256", ["", SHA256.upper().replace("8", "A"), SHA256[1:], f"{SHA256}\n"])
def test_a_hash_of_another_form_is_refused(sha256: str) -> None:
    with pytest.raises(FormatError, match="SHA-256"):
        encode_entry(SAMPLE, uri=URI, sha256=sha256, size=1)


def test_a_package_without_a_hash_is_refused_by_both_readers() -> None:
    file = container(meta_payload(), file_type=FileType.REPOSITORY)
    for strict in (True, False):
        with pytest.raises(FormatError, match="hello has no hash"):
            read_index(file, strict=strict)


def test_only_the_strict_reader_minds_the_file_type_and_a_missing_size(tmp_path: Path) -> None:
    path = tmp_path / "stone.index"
    for file in (
        container(ENTRY, file_type=FileType.BINARY),
        container(meta_payload(replace(SAMPLE, hash=SHA256)), file_type=FileType.REPOSITORY),
    ):
        path.write_bytes(file)
        assert [one.name for one in read_index(path, strict=False)] == ["hello"]
        with pytest.raises(FormatError) as caught:
            read_index(path)
        assert caught.value.path == str(path)
