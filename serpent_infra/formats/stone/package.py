"""A binary package as a whole: read, checked against itself, verified to the last byte (stone-spec 1.4, 1.7)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import xxhash

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.contents import ContentRange
from serpent_infra.formats.stone.header import SIZE, FileType
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry
from serpent_infra.formats.stone.limits import DEFAULT_LIMITS, Limits
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.payload import PayloadKind
from serpent_infra.formats.stone.reader import (
    AttributesPayload,
    ContentPayload,
    IndexPayload,
    LayoutPayload,
    MetaPayload,
    Source,
    StoneReader,
    open_stone,
)

_ORDER = (PayloadKind.META, PayloadKind.LAYOUT, PayloadKind.INDEX, PayloadKind.CONTENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What a binary package says about itself; its content stays in the file.

    Attributes:
        meta: the metadata.
        layout: its paths, in the file's order.
        ranges: its distinct files, in the content's order.
        content_size: bytes of the plain content, 0 where there is none.
        attributes: keys and values of bytes, which nothing has a use for yet.
        content: reads the content while the file is open.
    """

    meta: Meta
    layout: tuple[LayoutEntry, ...] = ()
    ranges: tuple[ContentRange, ...] = ()
    content_size: int = 0
    attributes: tuple[tuple[bytes, bytes], ...] = ()
    content: ContentPayload | None = field(default=None, repr=False, compare=False)


def read_package(source: Source, *, strict: bool = True, limits: Limits = DEFAULT_LIMITS, path: str = "") -> Package:
    """Reads a binary package without inflating its content (a few ms).

    Strict reading also demands the writers' order of payloads, ranges that cover the content without gap, and that
    layout and ranges name the same digests. Raises `FormatError` with the path.
    """
    with open_stone(source, strict=strict, limits=limits, path=path) as stone:
        return package_of(stone)


def verify_package(source: Source, *, strict: bool = True, limits: Limits = DEFAULT_LIMITS, path: str = "") -> Package:
    """Reads a binary package and checks every checksum and the digest of every file, in bounded memory.

    Raises `FormatError`.
    """
    with open_stone(source, strict=strict, limits=limits, path=path) as stone:
        package = package_of(stone)
        with stone.located(package.content.offset if package.content else SIZE, ""):
            for one, pieces in split_content(package):
                hasher = xxhash.xxh3_128()
                for piece in pieces:
                    hasher.update(piece)
                check_digest(one, hasher.digest())
        return package


def package_of(stone: StoneReader) -> Package:
    """Reads the payloads of an open package; the first of each kind wins where the reader is lenient."""
    with stone.located(None, ""):
        if stone.strict and stone.header.file_type != FileType.BINARY:
            raise FormatError(f"file type {stone.header.file_type} is no binary package", offset=27)
        kinds: list[int] = []
        meta: Meta | None = None
        layout: tuple[LayoutEntry, ...] | None = None
        ranges: tuple[ContentRange, ...] | None = None
        attributes: tuple[tuple[bytes, bytes], ...] | None = None
        content: ContentPayload | None = None
        places: dict[int, int] = {}
        for payload in stone:
            kinds.append(payload.header.kind)
            places.setdefault(payload.header.kind, stone.payload_at)
            match payload:
                case MetaPayload():
                    meta = meta or payload.meta
                case LayoutPayload():
                    layout = payload.entries if layout is None else layout
                case IndexPayload():
                    ranges = payload.ranges if ranges is None else ranges
                case ContentPayload():
                    content = content or payload
                case AttributesPayload():
                    attributes = payload.attributes if attributes is None else attributes
                case _:
                    pass
        if meta is None:
            raise FormatError("a package without metadata", offset=SIZE)
        package = Package(
            meta=meta,
            layout=layout or (),
            ranges=ranges or (),
            content_size=content.header.plain_size if content else 0,
            attributes=attributes or (),
            content=content,
        )
        if stone.strict:
            _check_order(kinds, stone.payload_at)
            with stone.located(places.get(PayloadKind.INDEX, stone.payload_at), ""):
                _check_ranges(package)
            with stone.located(places.get(PayloadKind.LAYOUT, stone.payload_at), ""):
                _check_layout(package)
        return package


def _check_order(kinds: list[int], offset: int) -> None:
    """Wants payloads as boulder writes them; attributes, which it never does, may stand anywhere."""
    known = [kind for kind in kinds if kind != PayloadKind.ATTRIBUTES]
    if known != [kind for kind in _ORDER if kind in known]:
        raise FormatError(
            f"payloads of the kinds {known} stand in another order than meta, layout, index, content", offset=offset
        )
    if (PayloadKind.INDEX in known) != (PayloadKind.CONTENT in known):
        raise FormatError("index and content come together or not at all", offset=offset)


def _check_ranges(package: Package) -> None:
    """Wants each digest once, and ranges that cover the content without gap."""
    position = 0
    for one in package.ranges:
        if one.start != position:
            raise FormatError(f"the index leaves a gap or overlaps at byte {position:,} of the content")
        position = one.end
    if position != package.content_size:
        raise FormatError(f"the index covers {position:,} bytes of {package.content_size:,} of the content")
    if len({one.digest for one in package.ranges}) != len(package.ranges):
        raise FormatError("the index names one digest twice")


def _check_layout(package: Package) -> None:
    """Wants each target once, and a content for each file and a file for each content."""
    digests = {one.digest for one in package.ranges}
    if digests != {entry.digest for entry in package.layout if entry.kind == EntryKind.REGULAR}:
        raise FormatError("layout and index name different contents")
    targets = {entry.target for entry in package.layout}
    if len(targets) != len(package.layout):
        raise FormatError("the layout names one target twice")


def check_digest(one: ContentRange, actual: bytes) -> None:
    """Raises `FormatError` where the content of a range is not what its record says."""
    if actual != one.digest:
        raise FormatError(f"bytes {one.start:,} to {one.end:,} have the digest {actual.hex()}, not {one.digest.hex()}")


def split_content(package: Package) -> Iterator[tuple[ContentRange, Iterator[bytes]]]:
    """Gives each distinct file's range with its bytes in pieces, in the order of the content.

    What a caller leaves of the pieces is read and dropped; the content is read to its end, so that its checksum is
    checked. Raises `FormatError` for overlapping ranges and ranges beyond the content.
    """
    ranges = sorted(package.ranges, key=lambda one: (one.start, one.end))
    stream = _Stream(package.content.chunks() if package.content else iter(()))
    for one in ranges:
        if one.start < stream.position:
            raise FormatError(f"two files overlap at byte {one.start:,} of the content")
        stream.skip_to(one.start)
        yield one, stream.take_to(one.end)
        stream.skip_to(one.end)
    stream.drain()


class _Stream:
    """A stream of pieces, cut at positions."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks
        self.rest = b""
        self.position = 0

    def take_to(self, end: int) -> Iterator[bytes]:
        """Gives the bytes up to position `end`."""
        while self.position < end:
            if not self.rest:
                self.rest = self._next(end)
            piece = self.rest[: end - self.position]
            self.rest = self.rest[len(piece) :]
            self.position += len(piece)
            yield piece

    def skip_to(self, end: int) -> None:
        """Drops the bytes up to position `end`."""
        for _ in self.take_to(end):
            pass

    def drain(self) -> None:
        """Drops all that is left."""
        self.rest = b""
        for _ in self.chunks:
            pass

    def _next(self, end: int) -> bytes:
        for chunk in self.chunks:
            if chunk:
                return chunk
        raise FormatError(f"the content ends at byte {self.position:,}, a file ends at byte {end:,}")
