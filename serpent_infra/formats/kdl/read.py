"""Reads KDL text into nodes; whatever is wrong has a line and a column."""

import re
from bisect import bisect_right
from typing import NoReturn

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.kdl import scalars
from serpent_infra.formats.kdl.characters import BLANK, FORBIDDEN, NEWLINE, NEWLINES, NUMBER_LIKE, RESERVED, WORD
from serpent_infra.formats.kdl.node import Node, Value

MAX_SIZE = 1 << 20
"""Bytes of the largest document."""

MAX_DEPTH = 32
"""How deep braces and comments may stand in each other."""

_BLANKS = re.compile(f"[{BLANK}]+|//[^{NEWLINE}]*")
_BLANKS_AND_LINES = re.compile(f"[{BLANK}{NEWLINE}]+|//[^{NEWLINE}]*")
_COMMENT_MARK = re.compile(r"/\*|\*/")
_RAW_OPEN = re.compile(r'(?:r(?=#*"))?(#*)("""|")')
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_TRIPLE = re.compile(r'"""([^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*)"""', re.DOTALL)
_KEYWORDS: dict[str, Value] = {
    "#true": True,
    "#false": False,
    "#null": None,
    "#inf": float("inf"),
    "#-inf": float("-inf"),
    "#nan": float("nan"),
    "true": True,
    "false": False,
    "null": None,
}


def parse_kdl(data: bytes | str, *, path: str = "") -> tuple[Node, ...]:
    """Reads a document; bytes are UTF-8. Raises `FormatError` with `path`, line and column."""
    try:
        return _Parser(_decoded(data)).document()
    except FormatError as error:
        error.path = error.path or path
        raise


def _decoded(data: bytes | str) -> str:
    if len(data) > MAX_SIZE:
        raise FormatError(f"a document of {len(data):,} bytes, {MAX_SIZE:,} are allowed")
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise FormatError("the document is no UTF-8", offset=error.start) from error
    return text.removeprefix("\ufeff")


class _Parser:
    """A position in a text, and one method for each thing that may stand there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines = [0, *(match.end() for match in NEWLINES.finditer(text))]
        if match := FORBIDDEN.search(text):
            self.fail(f"the character U+{ord(match[0]):04X} is not allowed", match.start())

    def place(self, at: int) -> tuple[int, int]:
        """Gives the line and column of a position."""
        line = bisect_right(self.lines, at)
        return line, at - self.lines[line - 1] + 1

    def fail(self, reason: str, at: int | None = None) -> NoReturn:
        """Refuses the document at a position, by default the present one."""
        line, column = self.place(self.at if at is None else at)
        raise FormatError(reason, line=line, column=column)

    def looking_at(self, mark: str) -> bool:
        """Says whether the text goes on with this mark."""
        return self.text.startswith(mark, self.at)

    def take(self, mark: str) -> bool:
        """Steps over a mark where it is there."""
        found = self.looking_at(mark)
        if found:
            self.at += len(mark)
        return found

    def document(self) -> tuple[Node, ...]:
        """Reads the whole text."""
        nodes = self.nodes(0)
        if self.at < len(self.text):
            self.fail("a brace closes that was never opened")
        return nodes

    def nodes(self, depth: int) -> tuple[Node, ...]:
        """Reads nodes up to a closing brace or the end of the text, neither of which is taken."""
        if depth > MAX_DEPTH:
            self.fail(f"braces more than {MAX_DEPTH} deep")
        nodes: list[Node] = []
        while True:
            self.skip(lines=True)
            while self.take(";"):
                self.skip(lines=True)
            if self.at >= len(self.text) or self.looking_at("}"):
                return tuple(nodes)
            is_dropped = self.slashdash()
            node = self.node(depth)
            if not is_dropped:
                nodes.append(node)

    def node(self, depth: int) -> Node:
        """Reads one node and what ends it."""
        self.annotation()
        start = self.at
        line, column = self.place(start)
        name = self.word_or_string("the name of a node")
        arguments: list[Value] = []
        properties: dict[str, Value] = {}
        children: tuple[Node, ...] | None = None
        while True:
            is_apart = self.skip(lines=False)
            if self.at >= len(self.text) or self.text[self.at] in f"{NEWLINE}}}" or self.take(";"):
                break
            is_dropped = self.slashdash()
            if self.take("{"):
                if not is_dropped and children is not None:
                    self.fail("a node has two blocks of children", self.at - 1)
                inner = self.block(depth + 1)
                children = children if is_dropped else inner
            elif children is not None:
                self.fail("a value stands after the children of its node; expected a new line or ';'")
            elif not (is_apart or is_dropped):
                self.fail("expected a blank, a new line or ';'")
            else:
                self.entry(arguments, properties, is_dropped=is_dropped)
        return Node(name, tuple(arguments), properties, children or (), line, column)

    def block(self, depth: int) -> tuple[Node, ...]:
        """Reads children and their closing brace; the opening one is taken."""
        opened = self.at - 1
        children = self.nodes(depth)
        if not self.take("}"):
            self.fail("a brace is never closed", opened)
        return children

    def entry(self, arguments: list[Value], properties: dict[str, Value], *, is_dropped: bool) -> None:
        """Reads an argument, or a property."""
        start = self.at
        is_annotated = self.annotation()
        key = self.value()
        end = self.at
        self.skip(lines=False)
        if not self.take("="):
            self.at = end
            if not is_dropped:
                arguments.append(key)
            return
        if not isinstance(key, str) or is_annotated:
            self.fail("the name of a property is a text", start)
        self.skip(lines=False)
        self.annotation()
        value = self.value()
        if is_dropped:
            return
        if key in properties:
            self.fail(f"the property {key!r} is given twice", start)
        properties[key] = value

    def annotation(self) -> bool:
        """Reads over a type annotation, `(word)`."""
        if not self.take("("):
            return False
        self.skip(lines=False)
        self.word_or_string("a type")
        self.skip(lines=False)
        if not self.take(")"):
            self.fail("expected ')'")
        self.skip(lines=False)
        return True

    def slashdash(self) -> bool:
        """Steps over the mark that drops what follows it."""
        if not self.take("/-"):
            return False
        self.skip(lines=True)
        return True

    def skip(self, *, lines: bool) -> bool:
        """Steps over blanks, comments and continued lines, and where `lines` over line ends; says whether any stood."""
        start = self.at
        skipped = _BLANKS_AND_LINES if lines else _BLANKS
        while True:
            if match := skipped.match(self.text, self.at):
                self.at = match.end()
            elif self.looking_at("/*"):
                self.comment()
            elif self.looking_at("\\"):
                self.continuation()
            else:
                return self.at > start

    def comment(self) -> None:
        """Steps over a comment of `/* */`, which may hold others."""
        start, depth = self.at, 0
        for match in _COMMENT_MARK.finditer(self.text, start):
            depth += 1 if match[0] == "/*" else -1
            if depth == 0:
                self.at = match.end()
                return
        self.fail("a comment is never closed", start)

    def continuation(self) -> None:
        """Steps over a backslash, what blanks and comments follow it, and the line end."""
        start = self.at
        self.at += 1
        while match := _BLANKS.match(self.text, self.at):
            self.at = match.end()
        if match := NEWLINES.match(self.text, self.at):
            self.at = match.end()
        elif self.at < len(self.text):
            self.fail("a backslash that no line end follows", start)

    def value(self) -> Value:
        """Reads a text, number, boolean or null."""
        match = WORD.match(self.text, self.at + 1 if self.looking_at("#") else self.at)
        if match and (word := self.text[self.at : match.end()]) in _KEYWORDS:
            self.at = match.end()
            return _KEYWORDS[word]
        if match and match.start() == self.at and NUMBER_LIKE.match(match[0]):
            start, self.at = self.at, match.end()
            try:
                return scalars.number(match[0])
            except ValueError as error:
                self.fail(str(error), start)
        return self.word_or_string("a value")

    def word_or_string(self, what: str) -> str:
        """Reads a text, with or without quotes."""
        if (opening := _RAW_OPEN.match(self.text, self.at)) is not None:
            return self.string(opening)
        match = WORD.match(self.text, self.at)
        if match is None:
            found = repr(self.text[self.at]) if self.at < len(self.text) else "the end"
            self.fail(f"expected {what}, found {found}")
        word = match[0]
        if word in RESERVED or NUMBER_LIKE.match(word):
            self.fail(f"expected {what}; {word!r} wants quotes")
        self.at = match.end()
        return word

    def string(self, opening: re.Match[str]) -> str:
        """Reads a text in quotes, raw where a `#` or `r` stands before them."""
        start, hashes, quotes = self.at, opening[1], opening[2]
        is_raw = opening[0] != quotes
        if is_raw:
            end = self.text.find(quotes + hashes, opening.end())
            body, close = self.text[opening.end() : end], end + len(quotes) + len(hashes)
        else:
            match = (_QUOTED if quotes == '"' else _TRIPLE).match(self.text, start)
            end, body, close = (-1, "", 0) if match is None else (match.end(), match[1], match.end())
        if end < 0:
            self.fail("a string is never closed", start)
        try:
            body = scalars.dedent(body, is_raw=is_raw) if quotes == '"""' else scalars.one_line(body, is_raw=is_raw)
        except ValueError as error:
            self.fail(str(error), start)
        self.at = close
        return body
