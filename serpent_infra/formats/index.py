"""Repository indexes: the metadata of many packages in one container (stone-spec 2.1)."""

import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import islice
from typing import BinaryIO

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone import payload
from serpent_infra.formats.stone.header import SIZE, FileType, Header
from serpent_infra.formats.stone.limits import INDEX_LIMITS, Limits
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.payload import PayloadKind
from serpent_infra.formats.stone.reader import Source, name_of, read_metas
from serpent_infra.formats.stone.writer import encode_meta_payload

FILE_NAME = "stone.index"

_BATCH = 1024
"""Entries that are put together at a time: some hundred kilobytes."""

_FACTS = struct.Struct(">Q22xB")
"""Of a payload's header: stored size and kind."""

_SHA256 = re.compile("[0-9a-f]{64}")


def encode_entry(meta: Meta, *, uri: str, sha256: str, size: int) -> bytes:
    """Gives one package's ready-made payload, header and compressed frame, to be stored and concatenated later.

    `uri` is relative to the index, `sha256` the stone's hash in lower-case hex, `size` its bytes.
    Raises `FormatError` for a hash of another form.
    """
    if not _SHA256.fullmatch(sha256):
        raise FormatError(f"{sha256!r} is no SHA-256 in lower-case hex")
    if not uri:
        raise FormatError(f"{meta.name}: an index entry needs a URI")
    return encode_meta_payload(replace(meta, uri=uri, hash=sha256, size=size))


def assemble(entries: Collection[bytes]) -> Iterator[bytes]:
    """Gives an index in pieces: the header, then the ready-made entries in the order given, some at a time.

    Callers sort by (source id, name). No entry at all is valid. Raises `FormatError` before the first piece for more
    than 65,535 entries, and at an entry that is not exactly one whole payload.
    """
    yield Header(FileType.REPOSITORY, len(entries)).encode()
    remaining = iter(entries)
    while batch := list(islice(remaining, _BATCH)):
        for entry in batch:
            # Not a `PayloadHeader`: making twenty thousand of them takes longer than writing what they are about.
            if len(entry) < payload.SIZE or _FACTS.unpack_from(entry) != (len(entry) - payload.SIZE, PayloadKind.META):
                raise FormatError(f"an index entry of {len(entry):,} bytes is not one whole payload of metadata")
        yield b"".join(batch)


def write_index(output: BinaryIO, entries: Collection[bytes]) -> int:
    """Writes an index and gives its bytes. Raises as `assemble`."""
    return sum(output.write(piece) for piece in assemble(entries))


def read_index(source: Source, *, strict: bool = True, limits: Limits = INDEX_LIMITS, path: str = "") -> list[Meta]:
    """Reads all packages of an index, in its order.

    Each must have its hash, as `moss` demands; strict reading wants URI and size too, a SHA-256 in lower-case hex,
    and the file type of an index. Raises `FormatError`.
    """
    metas = read_metas(source, FileType.REPOSITORY, strict=strict, limits=limits, path=path)
    for meta in metas:
        if meta.hash is None:
            raise FormatError(f"{meta.name} has no hash", path=path or name_of(source), offset=SIZE)
        if strict and (meta.uri is None or meta.size is None or not _SHA256.fullmatch(meta.hash)):
            raise FormatError(
                f"{meta.name} has no URI, no size, or no SHA-256 in lower-case hex",
                path=path or name_of(source),
                offset=SIZE,
            )
    return list(metas)
