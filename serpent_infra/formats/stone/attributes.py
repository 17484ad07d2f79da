"""The records of the attributes payload, a key and a value of bytes each (stone-spec 1.9)."""

import struct
from collections.abc import Iterable

from serpent_infra.formats.errors import FormatError

_RECORD = struct.Struct(">QQ")


def encode_attributes(attributes: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Gives the plain payload."""
    return b"".join(_RECORD.pack(len(key), len(value)) + key + value for key, value in attributes)


def decode_attributes(plain: bytes, records: int) -> tuple[tuple[tuple[bytes, bytes], ...], int]:
    """Reads `records` records, and gives them with the count of bytes read. Raises `FormatError`."""
    attributes: list[tuple[bytes, bytes]] = []
    position = 0
    for _ in range(records):
        key_at = position + _RECORD.size
        if key_at > len(plain):
            raise FormatError("fewer attributes than announced", offset=position)
        key_length, value_length = _RECORD.unpack_from(plain, position)
        value_at = key_at + key_length
        end = value_at + value_length
        if end > len(plain):
            raise FormatError("an attribute ends after its payload", offset=position)
        attributes.append((plain[key_at:value_at], plain[value_at:end]))
        position = end
    return tuple(attributes), position
