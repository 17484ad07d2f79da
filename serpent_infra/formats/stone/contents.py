"""Which bytes of the content are which file: the records of the index payload (stone-spec 1.7)."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from serpent_infra.formats.errors import FormatError

EMPTY_DIGEST = bytes.fromhex("99aa06d3014798d86001c324468d497f")
"""XXH3-128 of nothing."""

_RECORD = struct.Struct(">QQ16s")


@dataclass(frozen=True, slots=True)
class ContentRange:
    """One distinct file: bytes `start` up to `end` of the plain content, and their XXH3-128 (16 bytes)."""

    start: int
    end: int
    digest: bytes

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.end - self.start


def encode_ranges(ranges: Iterable[ContentRange]) -> bytes:
    """Gives the plain payload."""
    return b"".join(_RECORD.pack(one.start, one.end, one.digest) for one in ranges)


def decode_ranges(plain: bytes, records: int) -> tuple[tuple[ContentRange, ...], int]:
    """Reads `records` records, and gives them with the count of bytes read.

    Raises `FormatError` where there are fewer, or where one ends before it starts.
    """
    size = records * _RECORD.size
    if size > len(plain):
        raise FormatError(f"{records:,} index records announced, there is room for {len(plain) // _RECORD.size:,}")
    ranges = tuple(ContentRange(*fields) for fields in _RECORD.iter_unpack(plain[:size]))
    for number, one in enumerate(ranges):
        if one.end < one.start:
            raise FormatError("an index record ends before it starts", offset=number * _RECORD.size)
    return ranges, size
