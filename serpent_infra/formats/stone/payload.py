"""The 32 bytes before every payload (stone-spec 1.2)."""

import struct
from dataclasses import dataclass
from enum import IntEnum

from serpent_infra.formats.errors import FormatError

SIZE = 32
VERSION = 1

_LAYOUT = struct.Struct(">QQQIHBB")


class PayloadKind(IntEnum):
    """What a payload holds."""

    META = 1
    CONTENT = 2
    LAYOUT = 3
    INDEX = 4
    ATTRIBUTES = 5


class Compression(IntEnum):
    """How a payload is stored."""

    NONE = 1
    ZSTD = 2


KINDS = frozenset(PayloadKind)
COMPRESSIONS = frozenset(Compression)


@dataclass(frozen=True, slots=True)
class PayloadHeader:
    """One payload's header.

    Attributes:
        stored_size: bytes that follow this header.
        plain_size: bytes after decompression.
        checksum: XXH3-64 of the stored bytes.
        records: how many records it holds; 0 for content (older tools wrote the count of files).
        kind: a `PayloadKind` wherever the reader is strict.
        compression: a `Compression` wherever the reader is strict.
        version: always 1.
    """

    stored_size: int
    plain_size: int
    checksum: int
    records: int
    kind: int
    compression: int = Compression.ZSTD
    version: int = VERSION

    def encode(self) -> bytes:
        """Gives the 32 bytes."""
        return _LAYOUT.pack(
            self.stored_size,
            self.plain_size,
            self.checksum,
            self.records,
            self.version,
            self.kind,
            self.compression,
        )

    @classmethod
    def decode(cls, data: bytes, *, offset: int = 0, strict: bool = True) -> "PayloadHeader":
        """Reads the first 32 bytes of `data`, which stood at byte `offset` of its file.

        Where strict, an unknown kind, compression or version raises `FormatError`.
        """
        if len(data) < SIZE:
            raise FormatError(f"a payload header needs {SIZE} bytes, {len(data)} are left", offset=offset)
        stored_size, plain_size, checksum, records, version, kind, compression = _LAYOUT.unpack_from(data)
        if strict:
            if version != VERSION:
                raise FormatError(f"payload version {version} is unknown", offset=offset + 28)
            if kind not in KINDS:
                raise FormatError(f"payload kind {kind} is unknown", offset=offset + 30)
            if compression not in COMPRESSIONS:
                raise FormatError(f"compression {compression} is unknown", offset=offset + 31)
        return cls(stored_size, plain_size, checksum, records, kind, compression, version)
