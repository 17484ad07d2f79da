"""Reads containers payload by payload, strictly or as tolerantly as the reference reader (stone-spec 1.4, 1.10)."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import xxhash

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone import frames, header, inflation, payload
from serpent_infra.formats.stone.attributes import decode_attributes
from serpent_infra.formats.stone.contents import ContentRange, decode_ranges
from serpent_infra.formats.stone.header import Header
from serpent_infra.formats.stone.layout import LayoutEntry, decode_layout
from serpent_infra.formats.stone.limits import DEFAULT_LIMITS, Limits
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.meta_records import decode_meta
from serpent_infra.formats.stone.payload import Compression, PayloadHeader, PayloadKind

Source = bytes | Path | BinaryIO
"""Where a container is: its bytes, its path, or a binary file that can seek and starts at its start."""

_FRAME_HEADER = 18
"""Bytes of the longest header of a zstd frame."""

_Records = TypeVar("_Records")


@dataclass(frozen=True, slots=True)
class MetaPayload:
    """A package's metadata."""

    header: PayloadHeader
    meta: Meta


@dataclass(frozen=True, slots=True)
class LayoutPayload:
    """A package's paths."""

    header: PayloadHeader
    entries: tuple[LayoutEntry, ...]


@dataclass(frozen=True, slots=True)
class IndexPayload:
    """A package's distinct files."""

    header: PayloadHeader
    ranges: tuple[ContentRange, ...]


@dataclass(frozen=True, slots=True)
class AttributesPayload:
    """Keys and values of bytes."""

    header: PayloadHeader
    attributes: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class SkippedPayload:
    """A payload of unknown kind or compression, which a lenient reader leaves unread and unchecked."""

    header: PayloadHeader


class ContentPayload:
    """A package's content, read on demand and never held as a whole."""

    def __init__(self, head: PayloadHeader, reader: "StoneReader", start: int) -> None:
        self.header = head
        self.offset = start - payload.SIZE
        self._reader = reader
        self._start = start

    def chunks(self) -> Iterator[bytes]:
        """Gives the plain content by pieces of at most 256 KiB, and checks size and checksum on the way.

        Pieces come before the checksum is known: who keeps them waits for the end. Raises `FormatError`.
        """
        reader, head = self._reader, self.header
        with reader.located(self.offset, "content"):
            limit = reader.limits.content
            if limit is not None and head.plain_size > limit:
                raise FormatError(f"{head.plain_size:,} bytes of content, {limit:,} are allowed")
            if head.compression == Compression.ZSTD:
                if reader.strict:
                    frames.check_frame(reader.read(self._start, min(_FRAME_HEADER, head.stored_size)), head.plain_size)
                yield from inflation.inflate_chunks(
                    self._stored(), head.plain_size, strict=reader.strict, window_log=reader.limits.window_log
                )
            elif head.compression == Compression.NONE:
                _check_uncompressed(head, strict=reader.strict)
                yield from self._stored()
            else:
                raise FormatError(f"compression {head.compression} is unknown")

    def _stored(self) -> Iterator[bytes]:
        """Gives the stored bytes, and refuses them at their end where the checksum differs."""
        hasher = xxhash.xxh3_64()
        position, end = self._start, self._start + self.header.stored_size
        while position < end:
            chunk = self._reader.read(position, min(frames.CHUNK, end - position))
            position += len(chunk)
            hasher.update(chunk)
            yield chunk
        _check_sum(self.header, hasher.intdigest())


Payload = MetaPayload | LayoutPayload | IndexPayload | ContentPayload | AttributesPayload | SkippedPayload


class StoneReader:
    """An open container: its header at once, its payloads by iteration, in the file's order."""

    def __init__(
        self, stream: BinaryIO, *, path: str = "", strict: bool = True, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.strict = strict
        self.limits = limits
        self.path = path
        self._stream = stream
        self._size = stream.seek(0, io.SEEK_END)
        self._plain_left = limits.plain
        self._records_left = limits.records
        self.payload_at = header.SIZE
        """Where the header of the payload stands that the iteration has come to."""
        with self.located(None, ""):
            self.header = Header.decode(self.read(0, min(header.SIZE, self._size)), strict=strict)

    def __iter__(self) -> Iterator[Payload]:
        """Gives the payloads, the checksums of all but the content's checked. Raises `FormatError`."""
        self._plain_left = self.limits.plain
        self._records_left = self.limits.records
        position = header.SIZE
        for _ in range(self.header.payloads):
            if not self.strict and self._size - position < payload.SIZE:
                return
            start = position + payload.SIZE
            self.payload_at = position
            with self.located(position, ""):
                head = PayloadHeader.decode(
                    self.read(position, min(payload.SIZE, self._size - position)), offset=position, strict=self.strict
                )
                if head.stored_size > self._size - start:
                    raise FormatError(
                        f"a payload of {head.stored_size:,} stored bytes, the file has {self._size - start:,} left"
                    )
                decoded = self._payload(head, start)
            yield decoded
            position = start + head.stored_size
        if self.strict and position != self._size:
            raise FormatError(
                f"{self._size - position:,} bytes follow the last payload", path=self.path, offset=position
            )

    def read(self, position: int, size: int) -> bytes:
        """Reads stored bytes; `size` was checked against the file's. Raises `FormatError` where the file has shrunk."""
        self._stream.seek(position)
        data = self._stream.read(size)
        if len(data) != size:
            raise FormatError("the file has become shorter while it was read", offset=position)
        return data

    @contextmanager
    def located(self, offset: int | None, what: str) -> Iterator[None]:
        """Adds path and place to errors raised inside; `offset` is that of the payload's header in the file."""
        try:
            yield
        except FormatError as error:
            error.path = error.path or self.path
            if offset is not None and error.offset is None:
                error.offset = offset
            if what:
                error.reason = f"{what}: {error.reason}"
            raise

    def _payload(self, head: PayloadHeader, start: int) -> Payload:
        if head.kind == PayloadKind.CONTENT:
            return ContentPayload(head, self, start)
        if head.kind not in payload.KINDS or head.compression not in payload.COMPRESSIONS:
            return SkippedPayload(head)
        match head.kind:
            case PayloadKind.META:
                return MetaPayload(head, self._records(head, start, partial(decode_meta, strict=self.strict)))
            case PayloadKind.LAYOUT:
                return LayoutPayload(head, self._records(head, start, partial(decode_layout, strict=self.strict)))
            case PayloadKind.INDEX:
                return IndexPayload(head, self._records(head, start, decode_ranges))
            case _:
                return AttributesPayload(head, self._records(head, start, decode_attributes))

    def _records(
        self, head: PayloadHeader, start: int, decode: Callable[[bytes, int], tuple[_Records, int]]
    ) -> _Records:
        """Inflates and decodes one payload of records."""
        if head.records > self._records_left:
            raise FormatError(f"{head.records:,} records, {self._records_left:,} more are allowed")
        if max(head.plain_size, head.stored_size) > self._plain_left:
            raise FormatError(f"a payload beyond the allowed {self.limits.plain:,} bytes of records")
        self._records_left -= head.records
        self._plain_left -= head.plain_size
        stored = self.read(start, head.stored_size)
        _check_sum(head, xxhash.xxh3_64_intdigest(stored))
        is_compressed = head.compression == Compression.ZSTD
        if is_compressed:
            plain = inflation.inflate(stored, head.plain_size, strict=self.strict, window_log=self.limits.window_log)
        else:
            _check_uncompressed(head, strict=self.strict)
            plain = stored
        try:
            records, end = decode(plain, head.records)
        except FormatError as error:
            kind = PayloadKind(head.kind).name.lower()
            within = "" if error.offset is None else f" (byte {error.offset:,} of the plain payload)"
            raise FormatError(f"{kind}: {error.reason}{within}", offset=start - payload.SIZE) from error
        if end < len(plain) and (self.strict or not is_compressed):
            raise FormatError(f"{len(plain) - end:,} bytes follow the announced records")
        return records


def _check_sum(head: PayloadHeader, actual: int) -> None:
    if actual != head.checksum:
        raise FormatError(f"the payload's checksum is {actual:016x}, its header says {head.checksum:016x}")


def _check_uncompressed(head: PayloadHeader, *, strict: bool) -> None:
    if strict and head.stored_size != head.plain_size:
        raise FormatError(f"{head.stored_size:,} bytes stored plain, {head.plain_size:,} declared")


@contextmanager
def open_stone(
    source: Source, *, strict: bool = True, limits: Limits = DEFAULT_LIMITS, path: str = ""
) -> Iterator[StoneReader]:
    """Opens a container; a path is closed again, a binary file stays open. `path` names bytes and files in errors.

    Raises `FormatError` for a damaged header, `OSError` where the path cannot be read.
    """
    name = path or name_of(source)
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield StoneReader(file, path=name, strict=strict, limits=limits)
    else:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        yield StoneReader(stream, path=name, strict=strict, limits=limits)


def name_of(source: Source) -> str:
    """Gives the name that a source has in errors, "" where it has none."""
    if isinstance(source, Path):
        return str(source)
    return "" if isinstance(source, bytes) else str(getattr(source, "name", ""))


def read_metas(
    source: Source, file_type: int, *, strict: bool = True, limits: Limits = DEFAULT_LIMITS, path: str = ""
) -> tuple[Meta, ...]:
    """Reads a container that holds nothing but metadata, as indexes and manifests do.

    Strict reading refuses another file type and other payloads; lenient reading passes over them. Raises `FormatError`.
    """
    with open_stone(source, strict=strict, limits=limits, path=path) as stone:
        if strict and stone.header.file_type != file_type:
            raise FormatError(
                f"file type {stone.header.file_type}, {file_type} was expected", path=stone.path, offset=27
            )
        metas: list[Meta] = []
        for one in stone:
            if isinstance(one, MetaPayload):
                metas.append(one.meta)
            elif strict:
                raise FormatError(
                    f"a payload of kind {one.header.kind} has no place here", path=stone.path, offset=stone.payload_at
                )
        return tuple(metas)
