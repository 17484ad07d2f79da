"""A channel's root index, which leads clients from a stream or tag to a history, and the paths of the channel's tree.

Stone-spec 2.4. No path given here can leave the tree.
"""

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import FILE_NAME as INDEX_NAME
from serpent_infra.formats.json_document import parse_json
from serpent_infra.formats.stone.meta import Meta

FILE_NAME = "moss-root-index.json"
LATEST_FORMAT = "v0"
MAX_SIZE = 16 << 20
"""Bytes of the largest root index that is decoded: some hundred thousand histories."""

_IDENTIFIER = re.compile("[a-zA-Z0-9][a-zA-Z0-9-]*")
_COMPONENT = re.compile(r"[a-zA-Z0-9_+~:@=,.-]+")
"""What a URI and a file system both take as it is."""

_MAX_COMPONENT = 255
_LIBRARY_PORTION = 4


def is_identifier(text: str) -> bool:
    """Says whether a text may name a channel, stream, tag or history."""
    return _IDENTIFIER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Pointer:
    """A stream or tag: the history it points to, that history's format, and the tag it came by where there is one."""

    history: str
    format: str = LATEST_FORMAT
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RootIndex:
    """What a client finds in `<channel>/moss-root-index.json`; order is kept.

    Attributes:
        streams: name to pointer.
        tags: name to pointer.
        history: identifier to format.
        formats: format to what it says; `v0` must be there and may hold `upgrade_via`; unknown ones are kept.
    """

    streams: Mapping[str, Pointer] = field(default_factory=dict)
    tags: Mapping[str, Pointer] = field(default_factory=dict)
    history: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: {LATEST_FORMAT: {}})

    def resolve(self, version: str) -> str:
        """Gives the history that `stream/X`, `tag/X` or `history/X` means. Raises `FormatError` where there is none."""
        scope, _, name = version.partition("/")
        pointers = {"stream": self.streams, "tag": self.tags}.get(scope)
        if pointers is not None:
            pointer = pointers.get(name)
            identifier = pointer.history if pointer else None
        else:
            identifier = name if scope == "history" else None
        if identifier is None or identifier not in self.history:
            raise FormatError(f"the root index has no {version}")
        return identifier


def encode_root_index(index: RootIndex) -> bytes:
    """Gives the file: JSON indented by two spaces, no final newline.

    Raises `FormatError` for a name that is no identifier and a pointer to a history that is not there.
    """
    _check(index)
    document = {
        "formats": index.formats,
        "streams": {name: _pointer_document(one) for name, one in index.streams.items()},
        "tags": {name: _pointer_document(one) for name, one in index.tags.items()},
        "history": {name: {"format": one} for name, one in index.history.items()},
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def _pointer_document(pointer: Pointer) -> dict[str, str]:
    document = {"format": pointer.format, "history": pointer.history}
    if pointer.tag is not None:
        document["tag"] = pointer.tag
    return document


def decode_root_index(data: bytes, *, path: str = "") -> RootIndex:
    """Reads the file; keys it does not know are ignored outside `formats`. Raises `FormatError`."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"a root index of {len(data):,} bytes", path=path)
    try:
        document = parse_json(data)
        formats = _table(document, "formats")
        index = RootIndex(
            formats={name: _table(formats, name) for name in formats},
            streams={name: _pointer(value, name) for name, value in _table(document, "streams").items()},
            tags={name: _pointer(value, name) for name, value in _table(document, "tags").items()},
            history={name: _text(value, "format", name) for name, value in _table(document, "history").items()},
        )
        _check(index)
    except FormatError as error:
        error.path = error.path or path
        raise
    return index


def _check(index: RootIndex) -> None:
    """Refuses names and pointers that a client could not follow."""
    if LATEST_FORMAT not in index.formats:
        raise FormatError(f"the root index lacks formats.{LATEST_FORMAT}")
    for name in (*index.streams, *index.tags, *index.history):
        if not is_identifier(name):
            raise FormatError(f"{name!r} is no identifier")
    for name, pointer in (*index.streams.items(), *index.tags.items()):
        if pointer.history not in index.history:
            raise FormatError(f"{name} points to the history {pointer.history!r}, which is not there")


def _table(document: object, key: str) -> dict[str, object]:
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, dict):
        raise FormatError(f"the root index lacks the table {key!r}")
    return value


def _text(document: object, key: str, name: str) -> str:
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, str):
        raise FormatError(f"{name}: {key} is no text")
    return value


def _pointer(document: object, name: str) -> Pointer:
    has_tag = isinstance(document, dict) and document.get("tag") is not None
    return Pointer(
        history=_text(document, "history", name),
        format=_text(document, "format", name),
        tag=_text(document, "tag", name) if has_tag else None,
    )


def portion(source_id: str) -> str:
    """Gives the folder that a source's packages share with others: `l` for `libz`, `libz` for `libzip`, `n` for `Nano`.

    Raises `FormatError` for an empty source id.
    """
    lowered = source_id.lower()
    if not lowered:
        raise FormatError("the package names no source")
    return lowered[:_LIBRARY_PORTION] if lowered.startswith("lib") and len(lowered) > _LIBRARY_PORTION else lowered[0]


def pool_path(meta: Meta, *, repository_format: str = LATEST_FORMAT) -> str:
    """Gives where a stone lies, relative to its channel: `pool/v0/<portion>/<source id>/<file name>`.

    Raises `FormatError` where a component is not fit to be a file name.
    """
    prefix = ("legacy", "pool") if repository_format == "legacy" else ("pool", repository_format)
    return _join(*prefix, portion(meta.source_id), meta.source_id.lower(), meta.file_name)


def index_path(history: str, architecture: str) -> str:
    """Gives where an index lies, relative to its channel: `history/<identifier>/<architecture>/stone.index`."""
    if not is_identifier(history):
        raise FormatError(f"{history!r} is no identifier")
    return _join("history", history, architecture, INDEX_NAME)


def package_uri(meta: Meta, *, repository_format: str = LATEST_FORMAT) -> str:
    """Gives a stone's URI as its index has it: the pool path as seen from `history/<identifier>/<architecture>/`."""
    return posixpath.join("../../..", pool_path(meta, repository_format=repository_format))


def check_component(text: str) -> str:
    """Gives a file name back. Raises `FormatError` for `.`, `..`, slashes, blanks, over 255 bytes, and the like."""
    if not _COMPONENT.fullmatch(text) or text in {".", ".."} or len(text) > _MAX_COMPONENT:
        raise FormatError(f"{text[:_MAX_COMPONENT]!r} is not fit to be a file name")
    return text


def _join(*components: str) -> str:
    return "/".join(map(check_component, components))
