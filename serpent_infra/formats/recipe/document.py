"""YAML as text: a tree of nodes out of libyaml's events, in which every scalar stays as it was written.

PyYAML's own loaders turn `1.10` into 1.1 and crash the process on deep nesting; this builder keeps text, remembers
places, and refuses whatever a recipe has no use for: aliases, anchors, tags, repeated keys, depth, a second document.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    ScalarEvent,
    SequenceStartEvent,
)

from serpent_infra.formats.errors import FormatError

MAX_BYTES = 2**20
MAX_DEPTH = 12
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_SHOWN_LENGTH = 100
_TAG_DIRECTIVE = re.compile(r"^%TAG\b", re.MULTILINE)


def shown(text: str) -> str:
    """Quotes a stranger's text for a message: on one line, and cut where it is long."""
    return repr(text) if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]!r}…"


@dataclass(slots=True)
class Scalar:
    """A piece of text; `is_plain` says that it stood without quotes.

    `first_line` is the file's line with the first line of the text, None where the text's lines are not the file's.
    """

    text: str
    line: int
    column: int
    is_plain: bool
    first_line: int | None = None

    @property
    def is_null(self) -> bool:
        """Says whether YAML 1.2 reads this as "nothing"."""
        return self.is_plain and self.text in _NULLS


@dataclass(slots=True)
class Sequence:
    """A list of nodes."""

    line: int
    column: int
    items: "list[Node]" = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """A map in the order of the file, keys never repeated."""

    line: int
    column: int
    entries: "list[tuple[Scalar, Node]]" = field(default_factory=list)


Node = Scalar | Sequence | Mapping


def read_document(data: bytes, *, path: str = "") -> Node:
    """Reads the one document in `data`.

    Raises `FormatError` with the place for anything else than UTF-8 YAML of at most `MAX_BYTES` and `MAX_DEPTH`
    levels without anchors, aliases, tags and repeated keys.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"{len(data)} bytes are too many; expected at most {MAX_BYTES}", path=path)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        raise FormatError("this is not UTF-8", path=path, **_place_after(before)) from error
    if "%TAG" in text and (directive := _TAG_DIRECTIVE.search(text)):  # libyaml compares each with all before it
        raise FormatError("tags (%TAG) are not allowed", path=path, **_place_after(text[: directive.start()]))
    parser = CParser(text)
    try:
        return _Builder(path).build(parser)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context or "this is not YAML"
        if mark is None:
            raise FormatError(reason, path=path) from error
        raise FormatError(reason, path=path, line=mark.line + 1, column=mark.column + 1) from error
    except yaml.reader.ReaderError as error:
        place = _place_after(data[: error.position].decode(errors="replace"))  # libyaml counts bytes here
        raise FormatError(f"a character that YAML forbids: {error.reason}", path=path, **place) from error
    finally:
        parser.dispose()


def _place_after(text: str) -> dict[str, int]:
    """Gives the line and the column of what follows a text."""
    return {"line": text.count("\n") + 1, "column": len(text) - text.rfind("\n")}


class _Builder:
    """Puts events together; one instance reads one document."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._root: Node | None = None
        self._open: list[Sequence | Mapping] = []
        self._keys: list[Scalar | None] = []  # of each open map: the key that waits for its value
        self._seen: list[set[str]] = []  # of each open map: the keys so far

    def build(self, parser: CParser) -> Node:
        while (event := parser.get_event()) is not None:
            # In the order of their number: a ladder of types is what costs in this loop.
            if isinstance(event, ScalarEvent):
                self._scalar(event)
            elif isinstance(event, CollectionEndEvent):
                self._open.pop()
                self._keys.pop()
                self._seen.pop()
            elif isinstance(event, CollectionStartEvent):
                self._refuse_properties(event)
                start: Any = event.start_mark
                node = Sequence if isinstance(event, SequenceStartEvent) else Mapping
                self._descend(node(start.line + 1, start.column + 1))
            elif isinstance(event, AliasEvent):
                alias = shown(f"*{event.anchor}")
                raise self._refusal(f"aliases ({alias}) are not allowed; write the value out", event)
            elif isinstance(event, DocumentStartEvent) and self._root is not None:
                raise self._refusal("a second document begins here; expected one only", event)
        if self._root is None:
            raise self._error("the file is empty; expected a map", 1, 1)
        return self._root

    def _scalar(self, event: ScalarEvent) -> None:
        if event.anchor is not None or event.tag is not None:
            self._refuse_properties(event)
        start: Any = event.start_mark  # the C parser gives every event its marks
        end: Any = event.end_mark
        line = start.line + 1
        one_line = line if end.line < line else None
        first_line = line + 1 if event.style == "|" else one_line
        self._place(Scalar(event.value, line, start.column + 1, event.implicit[0], first_line))

    def _refuse_properties(self, event: ScalarEvent | CollectionStartEvent) -> None:
        if event.anchor is not None:
            raise self._refusal(f"anchors ({shown(f'&{event.anchor}')}) are not allowed", event)
        if event.tag is not None:
            raise self._refusal(f"tags ({shown(event.tag)}) are not allowed", event)

    def _descend(self, node: Sequence | Mapping) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._error(f"nested too deep; expected at most {MAX_DEPTH} levels", node.line, node.column)
        self._place(node)
        self._open.append(node)
        self._keys.append(None)
        self._seen.append(set())

    def _place(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif (key := self._keys[-1]) is not None:
            parent.entries.append((key, node))
            self._keys[-1] = None
        elif not isinstance(node, Scalar):
            raise self._error("a key must be text", node.line, node.column)
        elif node.text in self._seen[-1]:
            raise self._error(f"the key {shown(node.text)} stands here a second time", node.line, node.column)
        else:
            self._seen[-1].add(node.text)
            self._keys[-1] = node

    def _refusal(self, reason: str, event: Event) -> FormatError:
        start: Any = event.start_mark
        return self._error(reason, start.line + 1, start.column + 1)

    def _error(self, reason: str, line: int, column: int) -> FormatError:
        return FormatError(reason, path=self._path, line=line, column=column)
