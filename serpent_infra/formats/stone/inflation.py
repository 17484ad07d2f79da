"""Bounded inflation: never a byte more than declared, in bounded memory whatever the window is (stone-spec 1.3)."""

from collections.abc import Iterable, Iterator

from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone import frames
from serpent_infra.formats.stone.wide_window import WideDecoder, is_available

MAX_FRAMES = 16
"""Frames that a lenient reader takes in one payload; writers make one, and each costs time even when it is empty."""

LARGEST_WINDOW = 1 << 24
"""Bytes of the largest window that is kept in memory where the machine can do otherwise."""

_SKIPPABLE = b"\x2a\x4d\x18"
"""The last three bytes of the magic of a skippable frame."""


def inflate(stored: bytes, plain_size: int, *, strict: bool, window_log: int = frames.MAX_WINDOW_LOG) -> bytes:
    """Gives the plain bytes of a payload, never more than `plain_size`. Raises `FormatError`.

    More bytes than declared are refused. Strict inflation wants exactly one frame of exactly `plain_size` bytes;
    lenient inflation takes further frames, ignores what follows the last and is none, and gives fewer bytes where
    there are fewer.
    """
    if not strict:
        return b"".join(inflate_chunks([stored], plain_size, strict=False, window_log=window_log, chunk=plain_size + 1))
    frames.check_frame(stored, plain_size)
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
    window_log: int = frames.MAX_WINDOW_LOG,
    chunk: int = frames.CHUNK,
) -> Iterator[bytes]:
    """Inflates a stream of stored bytes by pieces of at most `chunk` bytes, `plain_size` in all; see `inflate`.

    A window beyond `LARGEST_WINDOW` is kept in a temporary file. Raises `OSError` where its disk is full.
    """
    inflater = _Inflater(plain_size, strict=strict, window_log=window_log)
    try:
        for piece in stored:
            yield from inflater.feed(piece, chunk)
        inflater.finish()
    finally:
        inflater.close()


class _Inflater:
    """Inflates frame after frame and counts what comes out."""

    def __init__(self, plain_size: int, *, strict: bool, window_log: int) -> None:
        self.left = plain_size
        self.strict = strict
        self.window_log = window_log
        self.decompressor = _FrameDecoder(plain_size, window_log)
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
        if len(self.tail) < len(frames.MAGIC):
            return b""
        if self.frames == MAX_FRAMES:
            raise FormatError(f"more than {MAX_FRAMES} zstd frames in one payload")
        if self.left and (self.tail.startswith(frames.MAGIC) or self.tail[1:4] == _SKIPPABLE):
            stored, self.tail = self.tail, b""
            self.close()
            self.decompressor = _FrameDecoder(self.left, self.window_log)
            return stored
        self.is_over = True
        return b""

    def finish(self) -> None:
        """Refuses a stream that ended too early."""
        if self.is_over:
            return
        if not self.decompressor.eof:
            raise FormatError("the zstd frame is cut short")
        if self.strict and self.left:
            raise FormatError(f"the payload inflates to {_against(0, self.left)} than it declares")

    def close(self) -> None:
        """Gives back what the present frame holds."""
        self.decompressor.close()


class _FrameDecoder:
    """Inflates one frame by the decoder that suits its window, which is chosen when the frame's header is whole."""

    def __init__(self, plain_size: int, window_log: int) -> None:
        self._plain_size = plain_size
        self._window_log = window_log
        self._head = b""
        self._left: int | None = None
        self._decoder: ZstdDecompressor | WideDecoder | None = None

    @property
    def eof(self) -> bool:
        """Whether the frame has ended."""
        return self._decoder is not None and self._decoder.eof

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without further input."""
        return self._decoder is None or self._decoder.needs_input

    @property
    def unused_data(self) -> bytes:
        """What was fed beyond the frame's end."""
        return b"" if self._decoder is None else self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Takes stored bytes and gives at most `max_length` plain ones."""
        if self._decoder is None:
            self._head += data
            self._decoder = self._chosen()
            if self._decoder is not None:
                data, self._head = self._head, b""
        if self._decoder is None:
            return b""
        plain = self._decoder.decompress(data, max_length)
        if self._left is not None:
            self._left -= len(plain)
            if self._left and self._decoder.eof:  # which zstd itself notices in one of its modes alone
                raise FormatError("the zstd frame is damaged: it ends before the size that its header says")
        return plain

    def _chosen(self) -> ZstdDecompressor | WideDecoder | None:
        window = 0
        if self._head.startswith(frames.MAGIC[: len(self._head)]):
            try:
                facts = frames.frame_facts(self._head)
            except FormatError:
                return None  # its header is not whole yet
            self._left = facts.content_size
            window = min(facts.window, self._plain_size if facts.content_size is None else facts.content_size)
        if min(window, self._plain_size) > LARGEST_WINDOW and is_available():
            return WideDecoder(self._plain_size, window_log=self._window_log)
        return ZstdDecompressor(options={DecompressionParameter.window_log_max: self._window_log})

    def close(self) -> None:
        """Gives back what the decoder holds."""
        if isinstance(self._decoder, WideDecoder):
            self._decoder.close()
