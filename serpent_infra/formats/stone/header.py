"""The first 32 bytes of every container (stone-spec 1.1)."""

import struct
from dataclasses import dataclass
from enum import IntEnum

from serpent_infra.formats.errors import FormatError

MAGIC = b"\0mos"
INTEGRITY = bytes.fromhex("000001000002000003000004000005000006000007")
VERSION = 1
SIZE = 32
MAX_PAYLOADS = 0xFFFF

_LAYOUT = struct.Struct(">4sH21sBI")


class FileType(IntEnum):
    """What a container holds."""

    BINARY = 1
    DELTA = 2
    REPOSITORY = 3
    MANIFEST = 4


_FILE_TYPES = frozenset(FileType)


@dataclass(frozen=True, slots=True)
class Header:
    """The file header; `file_type` is a `FileType` in every file that a strict reader accepts."""

    file_type: int
    payloads: int

    def encode(self) -> bytes:
        """Gives the 32 bytes. Raises `FormatError` for more than 65,535 payloads."""
        if not 0 <= self.payloads <= MAX_PAYLOADS:
            raise FormatError(f"a container holds at most {MAX_PAYLOADS:,} payloads, not {self.payloads:,}")
        return _LAYOUT.pack(MAGIC, self.payloads, INTEGRITY, self.file_type, VERSION)

    @classmethod
    def decode(cls, data: bytes, *, strict: bool = True) -> "Header":
        """Reads the 32 bytes; an unknown file type passes only where not strict. Raises `FormatError`."""
        if len(data) < SIZE:
            raise FormatError(f"the file header needs {SIZE} bytes, the file has {len(data)}", offset=0)
        magic, payloads, integrity, file_type, version = _LAYOUT.unpack_from(data)
        if magic != MAGIC:
            raise FormatError(f"not a stone: it starts with {magic.hex()}", offset=0)
        if integrity != INTEGRITY:
            raise FormatError("the header's integrity bytes are damaged", offset=6)
        if version != VERSION:
            raise FormatError(f"container version {version} is unknown", offset=28)
        if strict and file_type not in _FILE_TYPES:
            raise FormatError(f"file type {file_type} is unknown", offset=27)
        return cls(file_type, payloads)
