"""How much a reader accepts before it refuses a file: declared sizes are limits, and these limit the declarations."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file may cost its reader.

    Attributes:
        plain: bytes of all record payloads of a file together, after decompression.
        records: records of all payloads of a file together.
        content: bytes of the content after decompression, and bytes that unpacking may write; None for no limit.
        window_log: base-2 logarithm of the memory in bytes that zstd may take for its window (the format allows 31).
    """

    plain: int = 64 * MIB
    records: int = 1_000_000
    content: int | None = None
    window_log: int = 31


DEFAULT_LIMITS = Limits()
INDEX_LIMITS = Limits(plain=512 * MIB, records=8_000_000)
