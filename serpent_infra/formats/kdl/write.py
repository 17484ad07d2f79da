"""Writes nodes as KDL 2."""

import math
from collections.abc import Iterable, Iterator

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.kdl.characters import FORBIDDEN, NEWLINE, is_bare
from serpent_infra.formats.kdl.node import Node, Value

_INDENTATION = "    "
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def encode_kdl(nodes: Iterable[Node]) -> bytes:
    """Gives the document, four spaces a level and a final newline. Raises `FormatError` for text that is no UTF-8."""
    try:
        return "".join(f"{line}\n" for node in nodes for line in _lines(node, "")).encode()
    except UnicodeEncodeError as error:
        raise FormatError("a text is no UTF-8") from error


def _lines(node: Node, indentation: str) -> Iterator[str]:
    words = [_text(node.name)]
    words += [_value(one) for one in node.arguments]
    words += [f"{_text(name)}={_value(one)}" for name, one in node.properties.items()]
    line = indentation + " ".join(words)
    if not node.children:
        yield line
        return
    yield f"{line} {{"
    for child in node.children:
        yield from _lines(child, indentation + _INDENTATION)
    yield f"{indentation}}}"


def _value(value: Value) -> str:
    match value:
        case str():
            return _text(value)
        case None:
            return "#null"
        case bool():
            return "#true" if value else "#false"
        case float() if math.isnan(value):
            return "#nan"
        case float() if math.isinf(value):
            return "#inf" if value > 0 else "#-inf"
        case _:
            return repr(value)


def _text(text: str) -> str:
    if is_bare(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(one: str) -> str:
    if one in _ESCAPES:
        return _ESCAPES[one]
    return f"\\u{{{ord(one):x}}}" if one in NEWLINE or FORBIDDEN.match(one) else one
