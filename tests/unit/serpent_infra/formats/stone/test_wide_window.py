"""A window beyond the memory's bound lies in a file: the same bytes come out, and the memory stays small."""

import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from backports.zstd import CompressionParameter, ZstdError, compress
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone import frames, inflation, wide_window
from serpent_infra.formats.stone.wide_window import WideDecoder
from tests.large_stone import SIZE, cost_of

pytestmark = pytest.mark.skipif(not wide_window.is_available(), reason="no libzstd on this machine")

MIB = 1 << 20
NO_SIZE: dict[int, int] = {CompressionParameter.content_size_flag: 0}


def inflated(stored: bytes, plain_size: int, *, fed: int, taken: int, strict: bool = True) -> bytes:
    """Inflates with the window in a file, whatever its size."""
    pieces = [stored[at : at + fed] for at in range(0, len(stored), fed)]
    with patch.object(inflation, "LARGEST_WINDOW", 0):
        chunks = list(inflation.inflate_chunks(pieces, plain_size, strict=strict, chunk=taken))
    assert all(len(chunk) <= taken for chunk in chunks)
    return b"".join(chunks)


BLOCKS = st.one_of(st.binary(max_size=2000), st.builds(bytes.__mul__, st.binary(max_size=9), st.integers(0, 99_999)))


@given(BLOCKS, st.integers(1, 999), st.integers(1000, 300_000), st.booleans())
def test_the_same_bytes_come_out_in_any_chunking(plain: bytes, fed: int, taken: int, has_size: bool) -> None:  # noqa: FBT001 (hypothesis)
    stored = frames.compress(plain) if has_size else compress(plain, options=NO_SIZE)
    assert inflated(stored, len(plain), fed=fed, taken=taken) == plain


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_damaged_frame_is_refused_or_read_as_in_memory(plain: bytes, data: st.DataObject) -> None:
    stored = bytearray(frames.compress(plain))
    stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    outcomes: list[bytes | None] = []
    for largest in (1 << 40, 0):
        with patch.object(inflation, "LARGEST_WINDOW", largest):
            try:
                outcomes.append(b"".join(inflation.inflate_chunks([bytes(stored)], len(plain), strict=False)))
            except FormatError:
                outcomes.append(None)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("largest", [0, 1 << 40])
def test_a_frame_that_ends_before_its_own_size_is_refused_by_all(largest: int) -> None:
    stored = bytes.fromhex("28b52ffd 20fd 010000")  # 253 bytes by its header, none by its only block
    with patch.object(inflation, "LARGEST_WINDOW", largest), pytest.raises(FormatError, match="damaged"):
        list(inflation.inflate_chunks([stored], 253, strict=False))


def test_more_bytes_than_declared_are_refused_before_they_are_written() -> None:
    stored = compress(b"x" * MIB, options=NO_SIZE)
    with pytest.raises(FormatError, match="more bytes than it declares"):
        inflated(stored, MIB - 1, fed=1000, taken=MIB)


def test_a_window_beyond_the_limit_is_refused() -> None:
    decoder = WideDecoder(MIB, window_log=10)
    try:
        with pytest.raises(ZstdError, match="memory"):
            decoder.decompress(compress(os.urandom(MIB), options=NO_SIZE), MIB)
    finally:
        decoder.close()


def test_what_no_disk_can_hold_is_refused() -> None:
    with pytest.raises(FormatError, match="no temporary file holds"):
        WideDecoder(1 << 62, window_log=31)


def test_a_full_disk_is_an_error_and_no_signal() -> None:
    decoder = WideDecoder(MIB, window_log=31)
    try:
        with (
            patch.object(os, "posix_fallocate", side_effect=OSError(28, "No space left on device")),
            pytest.raises(OSError, match="No space"),
        ):
            decoder.decompress(frames.compress(bytes(MIB)), MIB)
    finally:
        decoder.close()
        decoder.close()


def test_nothing_is_left_open_where_a_reader_stops_early() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (the names alone)
    with patch.object(inflation, "LARGEST_WINDOW", 0):
        chunks = inflation.inflate_chunks([frames.compress(bytes(MIB))], MIB, strict=True)
        assert next(chunk for chunk in chunks if chunk)
        assert len(os.listdir("/proc/self/fd")) > before  # noqa: PTH208 (likewise)
        assert isinstance(chunks, Iterator)
        chunks.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 (likewise)


def test_temporary_files_go_where_they_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert wide_window._directory() is None
    monkeypatch.delenv("TMPDIR")
    assert wide_window._directory() in {None, "/var/tmp"}  # noqa: S108 (nothing is made)
    assert mmap.MADV_DONTNEED


@pytest.mark.slow
def test_a_gibibyte_is_read_and_unpacked_in_64_mebibytes(tmp_path: Path) -> None:
    stone = tmp_path / "large.stone"
    assert cost_of("write", stone).peak > SIZE  # its window is as large as the content
    assert cost_of("verify", stone).peak < 64 * MIB
    assert cost_of("extract", stone, tmp_path / "usr").peak < 64 * MIB
    assert sum(path.stat().st_size for path in (tmp_path / "usr/share/large").iterdir()) == SIZE
