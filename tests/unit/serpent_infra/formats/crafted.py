"""Containers made by hand, field by field, so that tests can break each of them."""

import struct
from dataclasses import replace

import xxhash

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.stone import frames
from serpent_infra.formats.stone.contents import ContentRange, encode_ranges
from serpent_infra.formats.stone.header import FileType, Header
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry, encode_layout
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.meta_records import encode_meta
from serpent_infra.formats.stone.payload import PayloadHeader, PayloadKind

SAMPLE = Meta(
    name="hello",
    version="1.0",
    release=3,
    build_release=1,
    architecture="x86_64",
    summary="Greets",
    description="Greets the world",
    source_id="hello",
    homepage="https://example.org/hello",
    licenses=("MPL-2.0",),
    depends=frozenset({Capability.parse("soname(libc.so.6(x86_64))")}),
    provides=frozenset({Capability.parse("binary(hello)")}),
)


def payload(kind: int, plain: bytes, records: int, /, *, stored: bytes | None = None, **header: int) -> bytes:
    """Gives a payload; `stored` stands in for the frame of `plain`, `header` overrides fields of the header."""
    stored = frames.compress(plain) if stored is None else stored
    head = PayloadHeader(
        stored_size=len(stored),
        plain_size=len(plain),
        checksum=xxhash.xxh3_64_intdigest(stored),
        records=records,
        kind=kind,
    )
    return replace(head, **header).encode() + stored


def container(*payloads: bytes, file_type: int = FileType.BINARY, count: int | None = None) -> bytes:
    """Gives a file; `count` overrides the announced number of payloads."""
    return Header(file_type, len(payloads) if count is None else count).encode() + b"".join(payloads)


def meta_payload(meta: Meta = SAMPLE, /, **header: int) -> bytes:
    """Gives a good meta payload, but for what `header` overrides."""
    plain, records = encode_meta(meta)
    return payload(PayloadKind.META, plain, records, stored=None, **header)


def record(tag: int, primitive: int, value: bytes, *, padding: int = 0, length: int | None = None) -> bytes:
    """Gives one meta record; `length` overrides that of the value."""
    return struct.pack(">IHBB", len(value) if length is None else length, tag, primitive, padding) + value


def meta_with(*extra: bytes) -> bytes:
    """Gives a file of one meta payload: the sample, then the extra records."""
    plain, records = encode_meta(SAMPLE)
    return container(payload(PayloadKind.META, plain + b"".join(extra), records + len(extra)))


def package(files: dict[str, bytes], *extra: LayoutEntry, meta: Meta = SAMPLE) -> bytes:
    """Gives a package of regular files, target to content, and further layout entries; targets are not checked."""
    layout = [
        LayoutEntry(kind=EntryKind.REGULAR, target=target, mode=0o100644, digest=xxhash.xxh3_128_digest(content))
        for target, content in files.items()
    ]
    layout += extra
    ranges: list[ContentRange] = []
    plain = b""
    for content in dict.fromkeys(files.values()):
        ranges.append(ContentRange(len(plain), len(plain) + len(content), xxhash.xxh3_128_digest(content)))
        plain += content
    return container(
        meta_payload(meta),
        payload(PayloadKind.LAYOUT, unchecked_layout(layout), len(layout)),
        payload(PayloadKind.INDEX, encode_ranges(ranges), len(ranges)),
        payload(PayloadKind.CONTENT, plain, 0),
    )


def unchecked_layout(layout: list[LayoutEntry]) -> bytes:
    """Encodes records with hostile targets too, which the encoder refuses."""
    parts: list[bytes] = []
    for entry in layout:
        raw = entry.target.encode()
        harmless = encode_layout([replace(entry, target="x")])
        parts.append(harmless[:18] + struct.pack(">H", len(raw)) + harmless[20:-1] + raw)
    return b"".join(parts)
