"""The files that list a client's repositories, in YAML and in KDL (stone-spec 2.5)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from serpent_infra.formats.client.repository import (
    DEFAULT_ARCHITECTURE,
    DEFAULT_CHANNEL,
    ChannelSource,
    DirectSource,
    Repository,
    Source,
    sanitised,
)
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.kdl import Node, Value, encode_kdl, parse_kdl
from serpent_infra.formats.recipe.document import Mapping, Scalar, read_document
from serpent_infra.formats.recipe.document import Node as YamlNode

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_MAX_DIGITS = 20
_T = TypeVar("_T", str, int, bool)


@dataclass(frozen=True, slots=True)
class _Field:
    """A value with its place; of YAML it is text that is typed later, of KDL it has its type."""

    value: Value
    line: int
    column: int
    is_typed: bool


class _Block:
    """One repository's fields, whatever language they were written in. Keys that nobody asks for are ignored."""

    def __init__(self, name: str, line: int, column: int, fields: Iterable[tuple[str, _Field]]) -> None:
        self.name = name
        self.line = line
        self.column = column
        self.fields: dict[str, _Field] = {}
        for key, one in fields:
            if key in self.fields:
                raise FormatError(f"{name}: {key} is given twice", line=one.line, column=one.column)
            self.fields[key] = one

    def text(self, key: str) -> str | None:
        """A text; None where absent."""
        return self._get(key, "a text", _text)

    def required(self, key: str) -> str:
        """A text that must be there."""
        value = self.text(key)
        if value is None:
            raise self._error(f"{self.name} has no {key}")
        return value

    def number(self, key: str) -> int:
        """A whole number that must be there."""
        value = self._get(key, "a whole number of at most 20 digits", _number)
        if value is None:
            raise self._error(f"{self.name} has no {key}")
        return value

    def flag(self, *keys: str) -> bool:
        """A boolean under the first of the keys that is there, true where none is."""
        values = (self._get(key, "true or false", _flag) for key in keys)
        return next((value for value in values if value is not None), True)

    def _get(self, key: str, wanted: str, read: Callable[[_Field], _T | None]) -> _T | None:
        field = self.fields.get(key)
        if field is None:
            return None
        value = read(field)
        if value is None:
            raise FormatError(f"{self.name}: {key} is to be {wanted}", line=field.line, column=field.column)
        return value

    def _error(self, reason: str) -> FormatError:
        return FormatError(reason, line=self.line, column=self.column)

    def repository(self, *, is_described: bool) -> Repository:
        """Makes the repository, which `is_described` says has a description. Raises `FormatError` with its place."""
        try:
            return Repository(
                id=sanitised(self.name),
                description=self.required("description") if is_described else self.text("description") or "",
                source=self._source(),
                priority=self.number("priority"),
                is_active=self.flag("active", "enabled"),
            )
        except FormatError as error:
            error.line, error.column = error.line or self.line, error.column or self.column
            raise

    def _source(self) -> Source:
        uri, base_uri = self.text("uri"), self.text("base-uri")
        if (uri is None) == (base_uri is None):
            raise self._error(f"{self.name} has {'both' if uri else 'neither'} uri and base-uri; expected one of them")
        if base_uri is None:
            return DirectSource(self.required("uri"))
        return ChannelSource(
            base_uri=base_uri,
            version=self.required("version"),
            channel=self.text("channel") or DEFAULT_CHANNEL,
            architecture=self.text("arch") or DEFAULT_ARCHITECTURE,
        )


def _text(field: _Field) -> str | None:
    return field.value if isinstance(field.value, str) else None


def _number(field: _Field) -> int | None:
    value = field.value
    if field.is_typed:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    return None


def _flag(field: _Field) -> bool | None:
    if field.is_typed:
        return field.value if isinstance(field.value, bool) else None
    return _BOOLEANS.get(field.value) if isinstance(field.value, str) else None


def parse_yaml_repositories(data: bytes, *, path: str = "") -> list[Repository]:
    """Reads a map of id to repository, in its order. Raises `FormatError` with path, line and column."""
    document = read_document(data, path=path)
    if isinstance(document, Scalar) and document.is_null:
        return []
    if not isinstance(document, Mapping):
        raise FormatError("expected a map of repositories", path=path, line=document.line, column=document.column)
    return _repositories(
        (_Block(key.text, key.line, key.column, _yaml_fields(key.text, node)) for key, node in document.entries), path
    )


def _yaml_fields(name: str, node: YamlNode) -> Iterator[tuple[str, _Field]]:
    if not isinstance(node, Mapping):
        raise FormatError(f"expected {name} as a map of keys", line=node.line, column=node.column)
    for key, value in node.entries:
        if not isinstance(value, Scalar):
            raise FormatError(f"{name}: {key.text} is one value", line=value.line, column=value.column)
        if not value.is_null:
            yield key.text, _Field(value.text, value.line, value.column, is_typed=False)


def parse_kdl_repositories(data: bytes, *, path: str = "") -> list[Repository]:
    """Reads nodes named by id, in their order. Raises `FormatError` with path, line and column."""
    return repositories_of(parse_kdl(data, path=path), path=path)


def repositories_of(nodes: Iterable[Node], *, path: str = "", is_described: bool = True) -> list[Repository]:
    """Reads the nodes of repositories; without `is_described` a description may be missing. Raises `FormatError`."""
    return _repositories(
        (_Block(node.name, node.line, node.column, _kdl_fields(node)) for node in nodes),
        path,
        is_described=is_described,
    )


def _kdl_fields(node: Node) -> Iterator[tuple[str, _Field]]:
    if node.arguments or node.properties:
        raise FormatError(f"{node.name}: expected its fields between braces", line=node.line, column=node.column)
    for child in node.children:
        if len(child.arguments) != 1 or child.properties or child.children:
            raise FormatError(f"{node.name}: {child.name} is one value", line=child.line, column=child.column)
        yield child.name, _Field(child.arguments[0], child.line, child.column, is_typed=True)


def _repositories(blocks: Iterable[_Block], path: str, *, is_described: bool = True) -> list[Repository]:
    try:
        return list(_unique(blocks, is_described=is_described))
    except FormatError as error:
        error.path = error.path or path
        raise


def _unique(blocks: Iterable[_Block], *, is_described: bool) -> Iterator[Repository]:
    seen: set[str] = set()
    for block in blocks:
        repository = block.repository(is_described=is_described)
        if repository.id in seen:
            raise FormatError(f"{repository.id} is given twice", line=block.line, column=block.column)
        seen.add(repository.id)
        yield repository


def encode_repositories(repositories: Iterable[Repository]) -> bytes:
    """Gives the KDL file of repositories, in the order given. Raises `FormatError` for text that no file can hold."""
    return encode_kdl(map(_node, repositories))


def _node(repository: Repository) -> Node:
    fields: list[tuple[str, Value]] = [("description", repository.description)]
    match repository.source:
        case DirectSource(uri):
            fields.append(("uri", uri))
        case ChannelSource() as source:
            fields += [
                ("base-uri", source.base_uri),
                ("channel", source.channel),
                ("version", source.version),
                ("arch", source.architecture),
            ]
    fields.append(("priority", repository.priority))
    if not repository.is_active:
        fields.append(("active", False))
    return Node(repository.id, children=tuple(Node(name, (value,)) for name, value in fields))
