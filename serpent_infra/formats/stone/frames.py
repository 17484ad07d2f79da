"""Zstandard frames as the container wants them: the writers' settings, and what a header says (stone-spec 1.3)."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from backports.zstd import CompressionParameter, ZstdCompressor

from serpent_infra.formats.errors import FormatError

CHUNK = 1 << 18
"""Bytes that are held at once of a stream."""

MAX_WINDOW_LOG = 31

_SETTINGS: dict[int, int] = {
    CompressionParameter.compression_level: 18,
    CompressionParameter.window_log: MAX_WINDOW_LOG,
    CompressionParameter.content_size_flag: 1,
    CompressionParameter.checksum_flag: 0,
}
MAGIC = b"\x28\xb5\x2f\xfd"


def compress(plain: bytes) -> bytes:
    """Gives one frame of a record payload, made by one thread."""
    return ZstdCompressor(options=_SETTINGS).compress(plain, ZstdCompressor.FLUSH_FRAME)


def compress_chunks(chunks: Iterable[bytes], size: int, *, workers: int) -> Iterator[bytes]:
    """Gives one frame of the content in pieces; `chunks` must hold exactly `size` bytes.

    `workers` is at least 1: the frame is the same for any count, but not the one that no worker makes.
    """
    compressor = ZstdCompressor(options={**_SETTINGS, CompressionParameter.nb_workers: max(1, workers)})
    compressor.set_pledged_input_size(size)
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > size:
            break
        yield compressor.compress(chunk)
    if total != size:
        raise FormatError(f"the content has changed its size while it was packed: {size:,} bytes were announced")
    yield compressor.flush(ZstdCompressor.FLUSH_FRAME)


class FrameFacts(NamedTuple):
    """What a frame's header says; the content size is None where it is not written, the window is in bytes."""

    content_size: int | None
    has_checksum: bool
    has_dictionary: bool
    window: int


def frame_facts(stored: bytes) -> FrameFacts:
    """Reads the header of the frame that `stored` starts with (RFC 8878, 3.1.1.1). Raises `FormatError`."""
    if not stored.startswith(MAGIC) or len(stored) < len(MAGIC) + 1:
        raise FormatError("the payload does not start with a zstd frame")
    descriptor = stored[4]
    is_single_segment = bool(descriptor & 0x20)
    dictionary_size = (0, 1, 2, 4)[descriptor & 3]
    size_flag = descriptor >> 6
    size_width = (1 if is_single_segment else 0, 2, 4, 8)[size_flag]
    start = 5 + (0 if is_single_segment else 1) + dictionary_size
    if len(stored) < start + size_width:
        raise FormatError("the zstd frame ends within its header")
    size = int.from_bytes(stored[start : start + size_width], "little") + (256 if size_width == 2 else 0)  # noqa: PLR2004 (RFC 8878)
    window = size if is_single_segment else _window(stored[5])
    return FrameFacts(size if size_width else None, bool(descriptor & 4), bool(dictionary_size), window)


def _window(descriptor: int) -> int:
    """Gives the bytes of a window by its descriptor (RFC 8878, 3.1.1.1.2)."""
    base = 1 << (10 + (descriptor >> 3))
    return base + base // 8 * (descriptor & 7)


def check_frame(stored: bytes, plain_size: int) -> None:
    """Refuses what boulder never writes: a frame checksum, a dictionary, or another content size than declared."""
    facts = frame_facts(stored)
    if facts.has_checksum or facts.has_dictionary:
        raise FormatError("the zstd frame has a checksum or a dictionary")
    if facts.content_size not in {None, plain_size}:
        raise FormatError(f"the zstd frame holds {facts.content_size:,} bytes, {plain_size:,} are declared")
