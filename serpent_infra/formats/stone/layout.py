"""Where a package's files go: the records of its layout payload (stone-spec 1.6)."""

import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from serpent_infra.formats.errors import FormatError

DIGEST_SIZE = 16
MAX_TEXT = 0xFFFF

_RECORD = struct.Struct(">IIIIHHB11s")
_PADDING = bytes(11)


class EntryKind(IntEnum):
    """What stands at a path."""

    REGULAR = 1
    SYMLINK = 2
    DIRECTORY = 3
    CHARACTER_DEVICE = 4
    BLOCK_DEVICE = 5
    FIFO = 6
    SOCKET = 7

    @classmethod
    def of_mode(cls, mode: int) -> "EntryKind":
        """Gives the kind that the type bits of an `st_mode` name. Raises `FormatError` where they name none."""
        kind = _KINDS.get(stat.S_IFMT(mode))
        if kind is None:
            raise FormatError(f"mode {mode:#o} has the type of no file")
        return kind


_KINDS = {
    stat.S_IFREG: EntryKind.REGULAR,
    stat.S_IFLNK: EntryKind.SYMLINK,
    stat.S_IFDIR: EntryKind.DIRECTORY,
    stat.S_IFCHR: EntryKind.CHARACTER_DEVICE,
    stat.S_IFBLK: EntryKind.BLOCK_DEVICE,
    stat.S_IFIFO: EntryKind.FIFO,
    stat.S_IFSOCK: EntryKind.SOCKET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutEntry:
    """One path of a package.

    Attributes:
        kind: what stands there.
        target: the path relative to `/usr`, as `bin/nano`.
        mode: the whole `st_mode`, type bits included.
        digest: regular files only, XXH3-128 of the content, 16 bytes.
        link: symlinks only, the link's text.
        uid: owner, 0 in packages.
        gid: group, 0 in packages.
        tag: always 0.
    """

    kind: EntryKind
    target: str
    mode: int
    digest: bytes = b""
    link: str = ""
    uid: int = 0
    gid: int = 0
    tag: int = 0


def check_target(target: str) -> None:
    """Raises `FormatError` where a target is unfit for `/usr`: NULs, absolute, empty, `.` or `..` components."""
    if "\0" in target or any(part in {"", ".", ".."} for part in target.split("/")):
        raise FormatError(f"the target {target!r} is no plain path relative to /usr")


def encode_layout(entries: Iterable[LayoutEntry]) -> bytes:
    """Gives the plain payload. Raises `FormatError` for what the format cannot hold (paths over 65,535 bytes)."""
    parts: list[bytes] = []
    for entry in entries:
        check_target(entry.target)
        target = _text(entry.target, "target")
        source = _source(entry)
        try:
            head = _RECORD.pack(
                entry.uid, entry.gid, entry.mode, entry.tag, len(source), len(target), entry.kind, _PADDING
            )
        except struct.error as error:
            raise FormatError(f"{entry.target}: owner, group, mode and tag are 32-bit numbers") from error
        parts += (head, source, target)
    return b"".join(parts)


def _source(entry: LayoutEntry) -> bytes:
    if entry.kind == EntryKind.REGULAR:
        if len(entry.digest) != DIGEST_SIZE:
            raise FormatError(f"{entry.target}: a regular file has a digest of {DIGEST_SIZE} bytes")
        return entry.digest
    if entry.kind == EntryKind.SYMLINK:
        return _text(entry.link, "link text")
    return b""


def _text(text: str, what: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise FormatError(f"the {what} {text!r} is no UTF-8") from error
    if b"\0" in raw:
        raise FormatError(f"the {what} {text!r} holds a NUL")
    if len(raw) > MAX_TEXT:
        raise FormatError(f"the {what} {text[:40]!r}… is {len(raw):,} bytes long, the format holds {MAX_TEXT:,}")
    return raw


def decode_layout(plain: bytes, records: int, *, strict: bool = True) -> tuple[tuple[LayoutEntry, ...], int]:
    """Reads `records` records, and gives them with the count of bytes read. Raises `FormatError`.

    Trailing NULs of targets and link texts are dropped in both modes: packages of 2022 have them. Strict reading
    refuses non-zero padding, targets that leave `/usr`, and sources of files that have none.
    """
    if records * _RECORD.size > len(plain):
        raise FormatError(f"{records:,} layout records announced, there is no room for so many")
    entries: list[LayoutEntry] = []
    position = 0
    for _ in range(records):
        entry, position = _decode_entry(plain, position, strict=strict)
        entries.append(entry)
    return tuple(entries), position


def _decode_entry(plain: bytes, position: int, *, strict: bool) -> tuple[LayoutEntry, int]:
    source_at = position + _RECORD.size
    if source_at > len(plain):
        raise FormatError("fewer layout records than announced", offset=position)
    uid, gid, mode, tag, source_length, target_length, raw_kind, padding = _RECORD.unpack_from(plain, position)
    if not EntryKind.REGULAR <= raw_kind <= EntryKind.SOCKET:
        raise FormatError(f"layout file type {raw_kind} is unknown", offset=position + 20)
    kind = EntryKind(raw_kind)
    if kind > EntryKind.SYMLINK and source_length:
        if strict:
            raise FormatError(f"a {kind.name.lower()} has no source", offset=position + 16)
        source_length = 0  # as the reference does: it reads none
    target_at = source_at + source_length
    end = target_at + target_length
    if end > len(plain):
        raise FormatError("a layout record ends after its payload", offset=position)
    source = plain[source_at:target_at]
    try:
        target = plain[target_at:end].rstrip(b"\0").decode()
        link = source.rstrip(b"\0").decode() if kind is EntryKind.SYMLINK else ""
    except UnicodeDecodeError as error:
        raise FormatError("a layout record's path is no UTF-8", offset=source_at) from error
    if kind is EntryKind.REGULAR and source_length != DIGEST_SIZE:
        raise FormatError(f"{target}: a digest of {source_length} bytes, not {DIGEST_SIZE}", offset=position + 16)
    if strict:
        check_target(target)
        if padding != _PADDING:
            raise FormatError("a layout record's padding is not zero", offset=position + 21)
    digest = source if kind is EntryKind.REGULAR else b""
    entry = LayoutEntry(kind=kind, target=target, mode=mode, digest=digest, link=link, uid=uid, gid=gid, tag=tag)
    return entry, end
