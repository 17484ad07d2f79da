"""Frames are boulder's, and inflate in any chunking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone import frames, inflation

BLOCKS = st.binary(max_size=2000)


@given(BLOCKS)
def test_what_was_compressed_inflates_to_itself(plain: bytes) -> None:
    for strict in (True, False):
        assert inflation.inflate(frames.compress(plain), len(plain), strict=strict) == plain


@given(BLOCKS, st.integers(1, 50), st.integers(1, 50))
def test_streams_inflate_in_any_chunking(plain: bytes, fed: int, taken: int) -> None:
    stored = frames.compress(plain)
    pieces = [stored[at : at + fed] for at in range(0, len(stored), fed)]
    chunks = list(inflation.inflate_chunks(pieces, len(plain), strict=True, chunk=taken))
    assert b"".join(chunks) == plain
    assert all(len(chunk) <= taken for chunk in chunks)


@given(BLOCKS, st.integers(1, 50))
def test_the_content_frame_is_the_same_for_any_chunking_and_any_number_of_workers(plain: bytes, fed: int) -> None:
    pieces = [plain[at : at + fed] for at in range(0, len(plain), fed)]
    once = b"".join(frames.compress_chunks([plain], len(plain), workers=1))
    assert b"".join(frames.compress_chunks(pieces, len(plain), workers=3)) == once
    assert inflation.inflate(once, len(plain), strict=True) == plain


def test_empty_content_has_the_nine_bytes_that_boulder_writes() -> None:
    frame = b"".join(frames.compress_chunks([], 0, workers=2))
    assert frame.hex(" ") == "28 b5 2f fd 20 00 01 00 00"


@pytest.mark.parametrize("chunks", [[b"abc"], [b"ab", b"cdef"]])
def test_content_of_another_size_than_pledged_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(FormatError, match="changed its size"):
        list(frames.compress_chunks(chunks, 4, workers=1))


def test_a_frame_says_its_content_size_and_no_checksum() -> None:
    for size in (0, 255, 256, 70_000):
        assert frames.frame_facts(frames.compress(bytes(size))) == frames.FrameFacts(size, False, False, size)  # noqa: FBT003 (a record)
