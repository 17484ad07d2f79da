"""Zstandard frames as the container wants them: the writers' settings, and bounded inflation (stone-spec 1.3)."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from backports.zstd import CompressionParameter, DecompressionParameter, ZstdCompressor, ZstdDecompressor, ZstdError

from serpent_infra.formats.errors import FormatError

CHUNK = 1 << 18
"""Bytes that are held at once of a stream."""

MAX_WINDOW_LOG = 31
MAX_FRAMES = 16
"""Frames that a lenient reader takes in one payload; writers make one, and each costs time even when it is empty."""

_SETTINGS: dict[int, int] = {
    CompressionParameter.compression_level: 18,
    CompressionParameter.window_log: MAX_WINDOW_LOG,
    CompressionParameter.content_size_flag: 1,
    CompressionParameter.checksum_flag: 0,
}
_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"
"""The last three bytes of the magic of a skippable frame."""


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
    """What a frame's header says; the content size is None where it is not written."""

    content_size: int | None
    has_checksum: bool
    has_dictionary: bool


def frame_facts(stored: bytes) -> FrameFacts:
    """Reads the header of the frame that `stored` starts with (RFC 8878, 3.1.1.1). Raises `FormatError`."""
    if not stored.startswith(_MAGIC) or len(stored) < len(_MAGIC) + 1:
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
    return FrameFacts(size if size_width else None, bool(descriptor & 4), bool(dictionary_size))


def check_frame(stored: bytes, plain_size: int) -> None:
    """Refuses what boulder never writes: a frame checksum, a dictionary, or another content size than declared."""
    facts = frame_facts(stored)
    if facts.has_checksum or facts.has_dictionary:
        raise FormatError("the zstd frame has a checksum or a dictionary")
    if facts.content_size not in {None, plain_size}:
        raise FormatError(f"the zstd frame holds {facts.content_size:,} bytes, {plain_size:,} are declared")


def inflate(stored: bytes, plain_size: int, *, strict: bool, window_log: int = MAX_WINDOW_LOG) -> bytes:
    """Gives the plain bytes of a payload, never more than `plain_size`. Raises `FormatError`.

    More bytes than declared are refused. Strict inflation wants exactly one frame of exactly `plain_size` bytes;
    lenient inflation takes further frames, ignores what follows the last, and gives fewer bytes where there are fewer.
    """
    if not strict:
        return b"".join(inflate_chunks([stored], plain_size, strict=False, window_log=window_log, chunk=plain_size + 1))
    check_frame(stored, plain_size)
    decompressor = ZstdDecompressor(options={DecompressionParameter.window_log_max: window_log})
    try:
        plain = decompressor.decompress(stored, plain_size + 1)
    except ZstdError as error:
        raise FormatError(f"the zstd frame is damaged: {error}") from error
    if len(plain) != plain_size:
        raise FormatError(f"the payload inflates to {_against(len(plain), plain_size)} than it declares")
    if not decompressor.eof:
        raise FormatError("the zstd frame is cut short")
    if decompressor.unused_data:
        raise FormatError("bytes follow the zstd frame")
    return plain


def _against(actual: int, declared: int) -> str:
    return "more bytes" if actual > declared else f"{declared - actual:,} bytes fewer"


def inflate_chunks(
    stored: Iterable[bytes],
    plain_size: int,
    *,
    strict: bool,
    window_log: int = MAX_WINDOW_LOG,
    chunk: int = CHUNK,
) -> Iterator[bytes]:
    """Inflates a stream of stored bytes by pieces of at most `chunk` bytes, `plain_size` in all; see `inflate`."""
    inflater = _Inflater(plain_size, strict=strict, window_log=window_log)
    for piece in stored:
        yield from inflater.feed(piece, chunk)
    inflater.finish()


class _Inflater:
    """Inflates frame after frame and counts what comes out."""

    def __init__(self, plain_size: int, *, strict: bool, window_log: int) -> None:
        self.left = plain_size
        self.strict = strict
        self.options: dict[int, int] = {DecompressionParameter.window_log_max: window_log}
        self.decompressor = ZstdDecompressor(options=self.options)
        self.frames = 0
        self.tail = b""
        self.is_over = False

    def feed(self, stored: bytes, chunk: int) -> Iterator[bytes]:
        """Takes stored bytes and gives what they inflate to; once all is inflated, the rest is read and dropped."""
        stored = self._restart(stored)
        while not self.is_over and not self._has_ended() and (stored or not self.decompressor.needs_input):
            try:
                plain = self.decompressor.decompress(stored, min(chunk, self.left + 1))
            except ZstdError as error:
                if self.frames and not self.strict:
                    self.is_over = True  # junk after a whole frame
                    return
                raise FormatError(f"the zstd frame is damaged: {error}") from error
            if len(plain) > self.left:
                raise FormatError(f"the payload inflates to {_against(len(plain), self.left)} than it declares")
            self.left -= len(plain)
            yield plain
            stored = b""
            if self._has_ended():
                self.frames += 1
                stored = self._restart(self.decompressor.unused_data)

    def _has_ended(self) -> bool:
        return self.decompressor.eof

    def _restart(self, stored: bytes) -> bytes:
        """Starts the next frame where the last has ended and another follows; gives the bytes still to be inflated."""
        if self.is_over or not self.decompressor.eof:
            return stored
        if self.strict and stored:
            raise FormatError("bytes follow the zstd frame")
        self.tail += stored
        if len(self.tail) < len(_MAGIC):
            return b""
        if self.frames == MAX_FRAMES:
            raise FormatError(f"more than {MAX_FRAMES} zstd frames in one payload")
        if self.left and (self.tail.startswith(_MAGIC) or self.tail[1:4] == _SKIPPABLE):
            stored, self.tail = self.tail, b""
            self.decompressor = ZstdDecompressor(options=self.options)
            return stored
        self.is_over = True
        return b""

    def finish(self) -> None:
        """Refuses a stream that ended too early."""
        if self.is_over or (self.frames and not self.strict):
            return
        if not self.decompressor.eof:
            raise FormatError("the zstd frame is cut short")
        if self.strict and self.left:
            raise FormatError(f"the payload inflates to {_against(0, self.left)} than it declares")
