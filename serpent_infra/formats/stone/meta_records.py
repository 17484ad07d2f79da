"""The records of a meta payload, to and from `Meta` (stone-spec 1.5)."""

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.meta import Meta, UnknownRecord

_RECORD = struct.Struct(">IHBB")
_HEAD = struct.Struct(">II")
"""The same eight bytes as length and key, see `_key`."""

_KINDS = {kind.value: kind for kind in Kind}
_CACHED_LENGTH = 160
"""Bytes of the longest capability worth remembering: longer ones are rare, and could be a way to fill the memory."""


class Tag(IntEnum):
    """What a record is about."""

    NAME = 1
    ARCHITECTURE = 2
    VERSION = 3
    SUMMARY = 4
    DESCRIPTION = 5
    HOMEPAGE = 6
    SOURCE_ID = 7
    DEPENDS = 8
    PROVIDES = 9
    CONFLICTS = 10
    RELEASE = 11
    LICENSE = 12
    BUILD_RELEASE = 13
    PACKAGE_URI = 14
    PACKAGE_HASH = 15
    PACKAGE_SIZE = 16
    BUILD_DEPENDS = 17
    SOURCE_URI = 18
    SOURCE_PATH = 19
    SOURCE_REF = 20


class Primitive(IntEnum):
    """How a record's value is written; 1 to 8 are integers, signed where odd."""

    I8 = 1
    U64 = 8
    STRING = 9
    DEPENDENCY = 10
    PROVIDER = 11


def _key(tag: Tag, primitive: int) -> int:
    """Gives the second half of a record's head as one number: tag, primitive, padding 0."""
    return tag << 16 | primitive << 8


_DEPENDS = _key(Tag.DEPENDS, Primitive.DEPENDENCY)
_BUILD_DEPENDS = _key(Tag.BUILD_DEPENDS, Primitive.DEPENDENCY)
_PROVIDES = _key(Tag.PROVIDES, Primitive.PROVIDER)
_CONFLICTS = _key(Tag.CONFLICTS, Primitive.PROVIDER)
_CAPABILITIES = frozenset({_DEPENDS, _BUILD_DEPENDS, _PROVIDES, _CONFLICTS})
_NAMELESS = 1
"""Stands where padding would: no known key has it."""

_LICENSE = _key(Tag.LICENSE, Primitive.STRING)
_TEXT_FIELDS = {
    Tag.NAME: "name",
    Tag.VERSION: "version",
    Tag.ARCHITECTURE: "architecture",
    Tag.SUMMARY: "summary",
    Tag.DESCRIPTION: "description",
    Tag.SOURCE_ID: "source_id",
    Tag.HOMEPAGE: "homepage",
    Tag.PACKAGE_URI: "uri",
    Tag.PACKAGE_HASH: "hash",
    Tag.SOURCE_URI: "source_uri",
    Tag.SOURCE_PATH: "source_path",
    Tag.SOURCE_REF: "source_ref",
}
_NUMBER_FIELDS = {Tag.RELEASE: "release", Tag.BUILD_RELEASE: "build_release", Tag.PACKAGE_SIZE: "size"}
_FIELDS = {_key(tag, Primitive.STRING): name for tag, name in _TEXT_FIELDS.items()} | {
    _key(tag, primitive): name
    for tag, name in _NUMBER_FIELDS.items()
    for primitive in range(Primitive.I8, Primitive.U64 + 1)
}
_KNOWN = frozenset({*_FIELDS, _DEPENDS, _BUILD_DEPENDS, _PROVIDES, _CONFLICTS, _LICENSE})
_REQUIRED = {
    "name",
    "version",
    "release",
    "build_release",
    "architecture",
    "summary",
    "description",
    "source_id",
    "homepage",
}


def encode_meta(meta: Meta) -> tuple[bytes, int]:
    """Gives the plain payload and its count of records, in boulder's order.

    Raises `FormatError` for text that is no UTF-8 or holds a NUL, and for numbers outside 64 bits.
    """
    parts = list(_records(meta))
    return b"".join(parts), len(parts)


def _records(meta: Meta) -> Iterator[bytes]:
    yield _string(Tag.NAME, meta.name)
    yield _string(Tag.VERSION, meta.version)
    yield _number(Tag.RELEASE, meta.release)
    yield _number(Tag.BUILD_RELEASE, meta.build_release)
    yield _string(Tag.ARCHITECTURE, meta.architecture)
    yield _string(Tag.SUMMARY, meta.summary)
    yield _string(Tag.DESCRIPTION, meta.description)
    yield _string(Tag.SOURCE_ID, meta.source_id)
    yield _string(Tag.HOMEPAGE, meta.homepage)
    if meta.uri is not None:
        yield _string(Tag.PACKAGE_URI, meta.uri)
    if meta.hash is not None:
        yield _string(Tag.PACKAGE_HASH, meta.hash)
    if meta.size is not None:
        yield _number(Tag.PACKAGE_SIZE, meta.size)
    for one in sorted(meta.licenses):
        yield _string(Tag.LICENSE, one)
    own = Capability.name(meta.name)
    yield from _capabilities(Tag.DEPENDS, Primitive.DEPENDENCY, _sorted(meta.depends))
    yield from _capabilities(Tag.PROVIDES, Primitive.PROVIDER, _sorted(meta.provides - {own}))
    yield from _capabilities(Tag.CONFLICTS, Primitive.PROVIDER, _sorted(meta.conflicts))
    yield from _capabilities(Tag.BUILD_DEPENDS, Primitive.DEPENDENCY, meta.build_depends)
    for tag, text in (
        (Tag.SOURCE_URI, meta.source_uri),
        (Tag.SOURCE_PATH, meta.source_path),
        (Tag.SOURCE_REF, meta.source_ref),
    ):
        if text is not None:
            yield _string(tag, text)
    for record in meta.unknown:
        yield _RECORD.pack(len(record.value), record.tag, record.primitive, 0) + record.value


def _sorted(capabilities: Iterable[Capability]) -> list[Capability]:
    """Sorts by the bytes of the text, which for UTF-8 is the order of its characters."""
    return sorted(capabilities, key=lambda one: one.text)


def _capabilities(tag: Tag, primitive: Primitive, capabilities: Iterable[Capability]) -> Iterator[bytes]:
    for one in capabilities:
        value = bytes((one.kind,)) + _encoded(one.target)
        yield _RECORD.pack(len(value), tag, primitive, 0) + value


def _string(tag: Tag, text: str) -> bytes:
    value = _encoded(text)
    return _RECORD.pack(len(value), tag, Primitive.STRING, 0) + value


def _number(tag: Tag, number: int) -> bytes:
    try:
        return _RECORD.pack(8, tag, Primitive.U64, 0) + number.to_bytes(8, "big")
    except OverflowError as error:
        raise FormatError(f"{tag.name.lower()} {number} is no unsigned 64-bit number") from error


def _encoded(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise FormatError(f"{text!r} is no UTF-8") from error
    if b"\0" in raw:
        raise FormatError(f"{text!r} holds a NUL")
    return raw + b"\0"


def decode_meta(plain: bytes, records: int, *, strict: bool = True) -> tuple[Meta, int]:
    """Reads a meta payload of `records` records, and gives it with the count of bytes read. Raises `FormatError`.

    Lenient reading recognises a dependency by its primitive whatever its tag, as the reference does, and keeps every
    record that it cannot name in `Meta.unknown`, capabilities of unknown kinds among them; strict reading refuses all
    of these, and more than one record of a field that has one value.
    """
    if records * _RECORD.size > len(plain):
        raise FormatError(f"{records:,} meta records announced, there is no room for so many")
    found: dict[int, list[bytes]] = {}
    unknown: list[UnknownRecord] = []
    unpack, values_of = _HEAD.unpack_from, found.get  # looked up once: this loop is what reading a tree spends time on
    end = len(plain)
    position = 0
    for _ in range(records):
        start = position + 8
        if start > end:
            raise FormatError("fewer meta records than announced", offset=position)
        length, key = unpack(plain, position)
        if not strict:
            length, key = _tolerated(length, key, plain[start : start + length])
        value = plain[start : start + length]
        values = values_of(key)
        if values is not None:
            values.append(value)
        elif key in _KNOWN:
            found[key] = [value]
        elif strict:
            _, tag, primitive, padding = _RECORD.unpack_from(plain, position)
            raise FormatError(
                f"a meta record of tag {tag}, primitive {primitive}, padding {padding} is unknown", offset=position
            )
        else:
            unknown.append(UnknownRecord(key >> 16, key >> 8 & 0xFF, value))
        position = start + length
    if position > end:
        if strict:
            raise FormatError("the last meta record is cut short", offset=end)
        position = end
    return _meta(found, tuple(unknown), strict=strict), position


def _tolerated(length: int, key: int, value: bytes) -> tuple[int, int]:
    """Reads a record's head as the reference does: padding is ignored, and an integer's primitive gives its length.

    The key of a capability whose kind has no name is made one that is not known either, so that the record is kept.
    """
    primitive = key >> 8 & 0xFF
    if Primitive.I8 <= primitive <= Primitive.U64:
        length = _width(primitive)
    key &= ~0xFF
    if primitive == Primitive.DEPENDENCY and key != _BUILD_DEPENDS:
        key = _DEPENDS
    if key in _CAPABILITIES and value and value[0] not in _KINDS:
        _text(value[1:], strict=False)
        key |= _NAMELESS
    return length, key


def _meta(found: dict[int, list[bytes]], unknown: tuple[UnknownRecord, ...], *, strict: bool) -> Meta:
    """Makes the metadata of the values found for each key. Raises `FormatError` where a required field is missing."""
    fields: dict[str, str | int] = {}
    for key, values in found.items():
        if (name := _FIELDS.get(key)) is None:
            continue
        if strict and (len(values) > 1 or name in fields):
            raise FormatError(f"more than one record of {name}")
        if name not in fields:
            primitive = key >> 8 & 0xFF
            fields[name] = (
                _text(values[0], strict=strict) if primitive == Primitive.STRING else _integer(primitive, values[0])
            )
    if missing := _REQUIRED - fields.keys():
        raise FormatError(f"the metadata lacks {', '.join(sorted(missing))}")
    return Meta(
        **fields,  # type: ignore[arg-type]  # the tables pair each field with its type
        licenses=tuple([_text(value, strict=strict) for value in found.get(_LICENSE, ())]),
        depends=frozenset(_capabilities_of(found.get(_DEPENDS, ()), strict=strict)),
        provides=frozenset(_capabilities_of(found.get(_PROVIDES, ()), strict=strict)),
        conflicts=frozenset(_capabilities_of(found.get(_CONFLICTS, ()), strict=strict)),
        build_depends=tuple(_capabilities_of(found.get(_BUILD_DEPENDS, ()), strict=strict)),
        unknown=unknown,
    )


def _text(value: bytes, *, strict: bool) -> str:
    """Reads a string with its final NUL; lenient reading takes any number of them."""
    if strict and value.find(b"\0") != len(value) - 1:
        raise FormatError("a string does not end in exactly one NUL")
    try:
        return value.rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise FormatError("a string is no UTF-8") from error


def _width(primitive: int) -> int:
    """Gives the bytes of an integer primitive: 1 and 2 have one, 7 and 8 have eight."""
    return 1 << (primitive - 1) // 2


def _integer(primitive: int, value: bytes) -> int:
    if len(value) != _width(primitive):
        raise FormatError("an integer has not the width of its primitive")
    number = int.from_bytes(value, "big", signed=bool(primitive % 2))
    if number < 0:
        raise FormatError(f"{number} is negative")
    return number


def _capabilities_of(values: Iterable[bytes], *, strict: bool) -> list[Capability]:
    return [
        _remembered_capability(value, strict) if len(value) <= _CACHED_LENGTH else _capability(value, strict)
        for value in values
    ]


def _capability(value: bytes, strict: bool) -> Capability:  # noqa: FBT001 (positional for the cache's speed)
    """Reads a kind and a target. Raises `FormatError`."""
    if not value:
        raise FormatError("a capability of no bytes")
    target = _text(value[1:], strict=strict)
    kind = _KINDS.get(value[0])
    if kind is None or (strict and not target):
        raise FormatError(f"a capability of kind {value[0]} that targets {target!r}")
    return Capability(kind, target)


_remembered_capability = lru_cache(maxsize=1 << 15)(_capability)
