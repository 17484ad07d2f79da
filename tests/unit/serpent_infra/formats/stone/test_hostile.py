"""Hostile files cost their reader little, and raise nothing but a format error."""

import io
import tracemalloc
from pathlib import Path

import pytest
from backports.zstd import CompressionParameter, compress
from hypothesis import given, settings
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone import frames, inflation
from serpent_infra.formats.stone.extract import extract
from serpent_infra.formats.stone.limits import Limits
from serpent_infra.formats.stone.meta_records import encode_meta
from serpent_infra.formats.stone.package import read_package, verify_package
from serpent_infra.formats.stone.payload import PayloadKind
from serpent_infra.formats.stone.reader import open_stone
from tests.unit.serpent_infra.formats.crafted import SAMPLE, container, meta_payload, package, payload

GOOD = package({"bin/hello": b"hello" * 20, "bin/hi": b"hi", "share/empty": b""})
PLAIN, RECORDS = encode_meta(SAMPLE)
MIB = 1 << 20


@settings(max_examples=300)
@given(st.data(), st.booleans())
def test_a_mutated_package_is_read_or_refused(data: st.DataObject, is_strict: bool) -> None:  # noqa: FBT001 (hypothesis)
    mutated = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(mutated[: data.draw(st.integers(0, len(GOOD)))])
    for content in (bytes(mutated), cut):
        try:
            verify_package(content, strict=is_strict)
        except FormatError as error:
            assert error.reason  # noqa: PT017 (either outcome is right)


@settings(max_examples=200)
@given(st.data())
def test_mutated_payloads_with_right_checksums_are_read_or_refused(data: st.DataObject) -> None:
    with open_stone(GOOD) as stone:
        heads = [one.header for one in stone]
    position = 32
    payloads: list[bytes] = []
    for head in heads:
        stored = GOOD[position + 32 : position + 32 + head.stored_size]
        position += 32 + head.stored_size
        is_plain = data.draw(st.booleans())
        mutable = bytearray(inflation.inflate(stored, head.plain_size, strict=True) if is_plain else stored)
        for _ in range(data.draw(st.integers(0, 2))):
            mutable[data.draw(st.integers(0, len(mutable) - 1))] = data.draw(st.integers(0, 255))
        again = bytes(mutable) if not is_plain else frames.compress(bytes(mutable))
        payloads.append(payload(head.kind, b"", head.records, stored=again, plain_size=head.plain_size))
    for strict in (True, False):
        try:
            verify_package(container(*payloads), strict=strict)
        except FormatError as error:
            assert error.reason  # noqa: PT017 (either outcome is right)


@given(st.binary(max_size=200))
def test_random_bytes_after_a_header_are_refused_or_skipped(noise: bytes) -> None:
    for file in (noise, container(count=3) + noise, container(payload(PayloadKind.META, b"", 3, stored=noise))):
        for strict in (True, False):
            try:
                verify_package(file, strict=strict)
            except FormatError as error:
                assert error.reason  # noqa: PT017 (either outcome is right)


def peak_of(file: bytes, *, strict: bool) -> int:
    """Bytes that Python allocates at most while refusing a file."""
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            verify_package(file, strict=strict)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


BOMB = compress(bytes(64 * MIB))
BOMBS = {
    "more plain bytes than declared": container(payload(PayloadKind.META, b"", 3, stored=BOMB, plain_size=400)),
    "a huge plain size": container(payload(PayloadKind.META, b"", 3, stored=BOMB, plain_size=1 << 60)),
    "a huge stored size": container(payload(PayloadKind.META, b"", 3, stored_size=1 << 62)),
    "a huge count of records": container(payload(PayloadKind.META, PLAIN, 0xFFFF_FFFF)),
    "a huge count of paths": container(meta_payload(), payload(PayloadKind.LAYOUT, b"", 999_999)),
    "a huge count of ranges": container(meta_payload(), payload(PayloadKind.INDEX, b"", 999_999)),
    "a huge count of attributes": container(meta_payload(), payload(PayloadKind.ATTRIBUTES, b"", 999_999)),
    "content beyond its size": package({"a": b"x"})[: -len(payload(PayloadKind.CONTENT, b"x", 0))]
    + payload(PayloadKind.CONTENT, b"", 0, stored=BOMB, plain_size=1),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("file", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_costs_no_memory(file: bytes, strict: bool) -> None:  # noqa: FBT001 (pytest)
    assert peak_of(file, strict=strict) < 4 * MIB


def test_all_record_payloads_of_a_file_share_one_budget() -> None:
    file = container(*[meta_payload()] * 10)
    enough = Limits(plain=10 * len(PLAIN), records=10 * RECORDS)
    with open_stone(file, limits=enough) as stone:
        assert len(list(stone)) == 10
    for limits in (Limits(plain=enough.plain - 1), Limits(records=enough.records - 1)):
        with open_stone(file, limits=limits) as stone, pytest.raises(FormatError, match="allowed"):
            list(stone)


def test_content_beyond_the_limit_is_neither_read_nor_unpacked(tmp_path: Path) -> None:
    limits = Limits(content=len(b"hello" * 20))
    with pytest.raises(FormatError, match="allowed"):
        verify_package(GOOD, limits=limits)
    with pytest.raises(FormatError, match="allowed"):
        extract(GOOD, tmp_path, limits=limits)
    assert list(tmp_path.iterdir()) == []


def test_copies_count_towards_what_unpacking_may_write(tmp_path: Path) -> None:
    file = package({f"share/{number}": b"same" for number in range(100)})
    with pytest.raises(FormatError, match="400 bytes to unpack"):
        extract(file, tmp_path, limits=Limits(content=399))


def test_a_window_beyond_the_limit_is_refused() -> None:
    frame = compress(b"x" * 100_000, options={CompressionParameter.content_size_flag: 0})
    assert inflation.inflate(frame, 100_000, strict=True) == b"x" * 100_000
    with pytest.raises(FormatError, match="damaged"):
        inflation.inflate(frame, 100_000, strict=True, window_log=10)


def test_many_empty_frames_are_refused() -> None:
    with pytest.raises(FormatError, match="frames"):
        inflation.inflate(frames.compress(b"") * 1000, 10, strict=False)


def test_a_file_that_shrinks_while_it_is_read_is_refused() -> None:
    stream = io.BytesIO(GOOD)
    with open_stone(stream) as stone:
        stream.truncate(len(GOOD) // 2)
        with pytest.raises(FormatError, match="shorter"):
            list(stone)


def test_errors_name_file_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "broken.stone"
    path.write_bytes(GOOD[:40])
    with pytest.raises(FormatError) as caught:
        read_package(path)
    assert (caught.value.path, caught.value.offset) == (str(path), 32)
    assert str(caught.value).startswith(f"{path} at byte 32: ")
