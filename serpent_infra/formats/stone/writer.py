"""Writes containers byte for byte as boulder does (stone-spec 1.3, 1.4, 5.5)."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import xxhash

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone import frames, payload
from serpent_infra.formats.stone.attributes import encode_attributes
from serpent_infra.formats.stone.contents import ContentRange, encode_ranges
from serpent_infra.formats.stone.header import FileType, Header
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry, encode_layout
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.meta_records import encode_meta
from serpent_infra.formats.stone.payload import PayloadHeader, PayloadKind


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """One path of a package to be written: its record, and for regular files where the bytes are on disk."""

    entry: LayoutEntry
    source: Path | None = None


def encode_payload(kind: PayloadKind, plain: bytes, records: int) -> bytes:
    """Gives a payload of records, header and frame."""
    stored = frames.compress(plain)
    head = PayloadHeader(
        stored_size=len(stored),
        plain_size=len(plain),
        checksum=xxhash.xxh3_64_intdigest(stored),
        records=records,
        kind=kind,
    )
    return head.encode() + stored


def encode_meta_payload(meta: Meta) -> bytes:
    """Gives a package's meta payload. Raises `FormatError` for what the format cannot hold."""
    plain, records = encode_meta(meta)
    return encode_payload(PayloadKind.META, plain, records)


def encode_metas(file_type: FileType, metas: Sequence[Meta]) -> bytes:
    """Gives a container that holds nothing but metadata. Raises `FormatError`."""
    return Header(file_type, len(metas)).encode() + b"".join(map(encode_meta_payload, metas))


def write_package(
    output: Path,
    meta: Meta,
    files: Iterable[PackagedFile],
    *,
    attributes: Sequence[tuple[bytes, bytes]] = (),
    workers: int | None = None,
) -> None:
    """Writes a binary package, deterministically: the same input gives the same bytes whatever `workers` is.

    `files` stand in layout order. Content holds each distinct file once, by size descending, ties in layout order.
    The file appears under its name only when complete. `workers` (default: the count of CPUs) are the threads that
    compress. `attributes`, which no tool writes yet, come last where there are any. Raises `FormatError` where a
    source has changed since its digest was taken.
    """
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as stream:
            _write(stream, meta, list(files), attributes, workers=workers or os.cpu_count() or 1)
        part.replace(output)
    except FormatError as error:
        error.path = error.path or str(output)
        raise
    finally:
        part.unlink(missing_ok=True)


def _write(
    stream: BinaryIO,
    meta: Meta,
    files: Sequence[PackagedFile],
    attributes: Sequence[tuple[bytes, bytes]],
    *,
    workers: int,
) -> None:
    contents = _distinct_contents(files)
    layout = [one.entry for one in files]
    stream.write(Header(FileType.BINARY, 1 + bool(layout) + 2 * bool(contents) + bool(attributes)).encode())
    stream.write(encode_meta_payload(meta))
    if layout:
        stream.write(encode_payload(PayloadKind.LAYOUT, encode_layout(layout), len(layout)))
    if contents:
        ranges = [one for one, _ in contents]
        stream.write(encode_payload(PayloadKind.INDEX, encode_ranges(ranges), len(ranges)))
        _write_content(stream, contents, workers=workers)
    if attributes:
        stream.write(encode_payload(PayloadKind.ATTRIBUTES, encode_attributes(attributes), len(attributes)))


def _distinct_contents(files: Iterable[PackagedFile]) -> list[tuple[ContentRange, Path]]:
    """Places each distinct content: largest first, ties as the layout has them (stone-spec 1.7)."""
    sources: dict[bytes, Path] = {}
    for one in files:
        if one.entry.kind == EntryKind.REGULAR:
            if one.source is None:
                raise FormatError(f"{one.entry.target}: a regular file without a source")
            sources.setdefault(one.entry.digest, one.source)
    sized = [(source.stat().st_size, digest, source) for digest, source in sources.items()]
    sized.sort(key=lambda item: -item[0])
    placed: list[tuple[ContentRange, Path]] = []
    position = 0
    for size, digest, source in sized:
        placed.append((ContentRange(position, position + size, digest), source))
        position += size
    return placed


def _write_content(stream: BinaryIO, contents: Sequence[tuple[ContentRange, Path]], *, workers: int) -> None:
    """Compresses the files into the stream, then goes back to write the payload's header."""
    plain_size = contents[-1][0].end
    head_at = stream.tell()
    stream.write(bytes(payload.SIZE))
    hasher = xxhash.xxh3_64()
    stored_size = 0
    for piece in frames.compress_chunks(_plain(contents), plain_size, workers=workers):
        hasher.update(piece)
        stored_size += len(piece)
        stream.write(piece)
    head = PayloadHeader(
        stored_size=stored_size,
        plain_size=plain_size,
        checksum=hasher.intdigest(),
        records=0,
        kind=PayloadKind.CONTENT,
    )
    stream.seek(head_at)
    stream.write(head.encode())
    stream.seek(0, os.SEEK_END)


def _plain(contents: Iterable[tuple[ContentRange, Path]]) -> Iterator[bytes]:
    for one, source in contents:
        hasher = xxhash.xxh3_128()
        with source.open("rb") as file:
            while chunk := file.read(frames.CHUNK):
                hasher.update(chunk)
                yield chunk
        if hasher.digest() != one.digest:
            raise FormatError(f"{source} has changed since its digest was taken")
