"""Inflates frames whose window is too large for the memory: what was inflated lies in a file, and is looked up there.

Boulder's window is as large as the content, and zstd's stream decoder holds a window in memory. Told that the output
stays where it is, the same decoder reads back from the output instead; here the output is a mapped temporary file whose
pages are given back as it grows. The Python bindings do not offer that, so the C library is called itself.
"""

import ctypes
import mmap
import os
import tempfile
from functools import cache

from backports.zstd import ZstdError

from serpent_infra.formats.errors import FormatError

BLOCK = 1 << 17
"""Bytes that a block inflates to at most (RFC 8878, 3.1.1.2.4); a block is decoded at a time."""

_RESIDENT = 1 << 22
"""Bytes that are inflated before the pages of the mapping are given back."""

_STEP = 1 << 24
"""Bytes of disk that are claimed at a time, so that a full disk is an error and no signal."""

_LIBRARY = "libzstd.so.1"
_WINDOW_LOG_MAX = 100
_STABLE_OUTPUT = 1001
_OUTPUT_TOO_SMALL = 70
_FIRST = 5
"""Bytes that the decoder wants before anything else."""


class _Output(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("size", ctypes.c_size_t), ("position", ctypes.c_size_t)]


class _Input(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("size", ctypes.c_size_t), ("position", ctypes.c_size_t)]


@cache
def _library() -> ctypes.CDLL | None:
    """Loads the C library, None where the machine has none."""
    try:
        library = ctypes.CDLL(_LIBRARY)
        library.ZSTD_createDCtx.restype = ctypes.c_void_p
        library.ZSTD_freeDCtx.argtypes = [ctypes.c_void_p]
        library.ZSTD_DCtx_setParameter.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
        library.ZSTD_DCtx_setParameter.restype = ctypes.c_size_t
        library.ZSTD_decompressStream.argtypes = [
            ctypes.c_void_p,
            ctypes.POINTER(_Output),
            ctypes.POINTER(_Input),
        ]
        library.ZSTD_decompressStream.restype = ctypes.c_size_t
        library.ZSTD_isError.argtypes = [ctypes.c_size_t]
        library.ZSTD_getErrorCode.argtypes = [ctypes.c_size_t]
        library.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
        library.ZSTD_getErrorName.restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    return library


def is_available() -> bool:
    """Says whether this machine can: it has the C library."""
    return _library() is not None


class WideDecoder:
    """Inflates one frame of at most `size` bytes; used like the bindings' decoder, and to be closed.

    Raises `ZstdError` for a damaged frame, `FormatError` for one that inflates to more than `size` bytes, and `OSError`
    where the disk of temporary files is full.
    """

    def __init__(self, size: int, *, window_log: int) -> None:
        library = _library()
        if library is None:
            raise RuntimeError(f"{_LIBRARY} is not there")
        self.unused_data = b""
        self._is_decoded = False
        self._library = library
        self._context: int | None = None
        self._data = b""
        self._at = 0
        self._wanted = _FIRST
        self._given = 0
        self._claimed = 0
        self._dropped = 0
        self._size = size
        self._file = tempfile.TemporaryFile(dir=_directory(), buffering=0)  # noqa: SIM115 (closed by close)
        try:
            self._file.truncate(size)
            self._map = mmap.mmap(self._file.fileno(), size)
        except (OSError, OverflowError) as error:
            self._file.close()
            raise FormatError(f"{size:,} bytes are declared, which no temporary file holds: {error}") from error
        self._anchor: ctypes.c_char | None = ctypes.c_char.from_buffer(self._map)
        self._output = _Output(ctypes.addressof(self._anchor), size, 0)
        self._context = library.ZSTD_createDCtx()
        for parameter, value in ((_STABLE_OUTPUT, 1), (_WINDOW_LOG_MAX, window_log)):
            self._checked(library.ZSTD_DCtx_setParameter(self._context, parameter, value))

    @property
    def eof(self) -> bool:
        """Whether the frame has ended and all of it was given."""
        return self._is_decoded and self._given == self._output.position

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without further input."""
        return not self._is_decoded and self._given == self._output.position and self._at == len(self._data)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Takes stored bytes and gives at most `max_length` plain ones."""
        if data:
            self._data, self._at = self._data[self._at :] + data, 0
        while self._given == self._output.position and not self._is_decoded and self._at < len(self._data):
            self._decode_block()
        end = min(self._output.position, self._given + max_length)
        plain = self._map[self._given : end]
        self._given = end
        if self._given - self._dropped >= _RESIDENT:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._dropped = self._given
        return plain

    def _decode_block(self) -> None:
        """Feeds the decoder exactly what it asked for, which is a block and the next one's header at most."""
        self._claim(min(self._size, self._output.position + BLOCK))
        size = min(self._wanted, len(self._data) - self._at)
        piece = ctypes.c_char_p(self._data[self._at : self._at + size])
        source = _Input(ctypes.cast(piece, ctypes.c_void_p), size, 0)
        self._wanted = self._checked(
            self._library.ZSTD_decompressStream(self._context, ctypes.byref(self._output), ctypes.byref(source))
        )
        self._at += source.position
        if self._wanted == 0:
            self._is_decoded = True
            self.unused_data, self._data, self._at = self._data[self._at :], b"", 0

    def _claim(self, end: int) -> None:
        """Makes sure that the disk has room up to a position."""
        if end > self._claimed:
            step = min(_STEP, self._size - self._claimed)
            os.posix_fallocate(self._file.fileno(), self._claimed, step)
            self._claimed += step

    def _checked(self, result: int) -> int:
        """Gives a result of the library back, or raises what it means."""
        if self._library.ZSTD_isError(result):
            if self._library.ZSTD_getErrorCode(result) == _OUTPUT_TOO_SMALL:
                raise FormatError("the payload inflates to more bytes than it declares")
            raise ZstdError(self._library.ZSTD_getErrorName(result).decode())
        return result

    def close(self) -> None:
        """Gives memory and disk back; a second call does nothing."""
        if self._context is not None:
            self._library.ZSTD_freeDCtx(self._context)
            self._context = None
        if self._anchor is not None:
            self._anchor = None
            self._map.close()
            self._file.close()


def _directory() -> str | None:
    """Gives where large temporary files belong: `/var/tmp`, for `/tmp` may be memory; `TMPDIR` says otherwise."""
    large = "/var/tmp"  # noqa: S108 (the file is made without a name)
    return large if "TMPDIR" not in os.environ and os.access(large, os.W_OK) else None
