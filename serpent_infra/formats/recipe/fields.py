"""Typed reading of a recipe's map: each field says what it expects, and whatever nobody asked for is reported."""

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe.document import Mapping, Node, Scalar, Sequence, shown
from serpent_infra.formats.recipe.model import RecipeWarning, WarningKind
from serpent_infra.formats.recipe.plain_numbers import is_typed

T = TypeVar("T")
_DIGITS = re.compile(r"0|[1-9][0-9]{0,19}")


class Fields:
    """The fields of one map; `finish` reports the keys that were never read.

    `what` names the map in messages ("a recipe", "the package nano-devel"). `never_empty` are the lists that boulder
    refuses where nothing stands behind their key; of the others it refuses a written `null` or `~` only.
    """

    def __init__(
        self,
        node: Node,
        *,
        what: str,
        path: str,
        warnings: list[RecipeWarning],
        never_empty: frozenset[str] = frozenset(),
    ) -> None:
        self.path = path
        self.what = what
        self.warnings = warnings
        self.never_empty = never_empty
        if not isinstance(node, Mapping):
            raise self.error(node, f"expected {what} as a map of keys")
        self.node = node
        self._entries = {key.text: (key, value) for key, value in node.entries}
        self._read: set[str] = set()

    def error(self, node: Node, reason: str) -> FormatError:
        """Makes the exception for something wrong at a node."""
        return FormatError(reason, path=self.path, line=node.line, column=node.column)

    def warn(self, node: Node, kind: WarningKind, text: str) -> None:
        """Notes something odd at a node."""
        self.warnings.append(RecipeWarning(text, node.line, node.column, kind))

    def get(self, key: str) -> Node | None:
        """The value of a key, None where it is absent or null."""
        self._read.add(key)
        if key not in self._entries:
            return None
        value = self._entries[key][1]
        return None if isinstance(value, Scalar) and value.is_null else value

    def scalar(self, key: str) -> Scalar | None:
        """A piece of text together with its place; None where absent or null."""
        value = self.get(key)
        return None if value is None else self.as_scalar(value, f"text for {key!r}")

    def textual(self, node: Scalar) -> Scalar:
        """Gives a scalar back that is meant as text, and warns where boulder would not take it for one."""
        if node.is_plain and is_typed(node.text):
            sentence = f"boulder reads {shown(node.text)} as a number or truth value and refuses it; put it in quotes"
            self.warn(node, WarningKind.UNQUOTED_TEXT, sentence)
        return node

    def text(self, key: str) -> str | None:
        """A piece of text; None where absent or null."""
        scalar = self.scalar(key)
        return None if scalar is None else self.textual(scalar).text

    def required_text(self, key: str) -> str:
        """A piece of text that must be there and not be empty."""
        return self.textual(self.required(key)).text

    def required(self, key: str) -> Scalar:
        """A scalar that must be there and not be empty."""
        scalar = self.scalar(key)
        if scalar is None or not scalar.text.strip():
            place = self._entries[key][0] if key in self._entries else self.node
            raise self.error(place, f"{self.what} needs {key!r}: expected text")
        return scalar

    def boolean(self, key: str, *, default: bool) -> bool:
        """`true` or `false`, quoted or not."""
        scalar = self.scalar(key)
        if scalar is None:
            self._miss(key, "true or false")
            return default
        if scalar.text not in {"true", "false"}:
            raise self.error(scalar, f"{key!r} is {shown(scalar.text)}; expected true or false")
        return scalar.text == "true"

    def integer(self, key: str, *, default: int | None = None, low: int = 0, high: int) -> int:
        """Decimal digits within `low` and `high`; required where there is no default."""
        scalar = self.scalar(key) if default is not None else self.required(key)
        if scalar is None:
            assert default is not None  # noqa: S101 - tells the type checker what the line above decides
            return default
        if not _DIGITS.fullmatch(scalar.text) or not low <= int(scalar.text) <= high:
            raise self.error(scalar, f"{key!r} is {shown(scalar.text)}; expected a whole number from {low} to {high}")
        if not scalar.is_plain:
            self.warn(scalar, WarningKind.QUOTED_NUMBER, f"{key!r} is in quotes; boulder takes numbers without only")
        return int(scalar.text)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of text, empty where absent or null."""
        return tuple(scalar.text for scalar in self.scalars(key))

    def scalars(self, key: str) -> tuple[Scalar, ...]:
        """A list of text with places, empty where absent or null."""
        scalars = tuple(self.as_scalar(item, f"text in the list {key!r}") for item in self.items(key))
        for scalar in scalars:
            if not scalar.text.strip() or scalar.is_null:
                raise self.error(scalar, f"an item of {key!r} is empty; expected text")
            self.textual(scalar)
        return scalars

    def items(self, key: str) -> list[Node]:
        """A list of any nodes, empty where absent or null."""
        value = self.get(key)
        if value is None:
            self._miss(key, "a list", is_refused_empty=key in self.never_empty)
            return []
        if not isinstance(value, Sequence):
            raise self.error(value, f"expected a list for {key!r}")
        return value.items

    def pairs(self, key: str) -> Iterator[tuple[Scalar, Node]]:
        """A list of maps of which each has one key: `- key: value`. Further keys of an item are reported."""
        for item in self.items(key):
            yield self.pair(item, key)

    def pair(self, item: Node, key: str) -> tuple[Scalar, Node]:
        """One item of such a list."""
        if not isinstance(item, Mapping) or not item.entries:
            raise self.error(item, f"expected items of {key!r} as `name: value`")
        for extra, _ in item.entries[1:]:
            sentence = f"the key {shown(extra.text)} is ignored: items of {key!r} have one key only"
            self.warn(extra, WarningKind.SECOND_KEY, sentence)
        return item.entries[0]

    def parsed(self, key: str, parse: Callable[[str], T], expected: str, *, default: T) -> T:
        """A piece of text given to `parse`, whose `ValueError` becomes a message with `expected`."""
        scalar = self.scalar(key)
        if scalar is None:
            self._miss(key, expected)
            return default
        try:
            return parse(scalar.text)
        except ValueError as error:
            raise self.error(scalar, f"{key!r} is {shown(scalar.text)}; expected {expected}") from error

    def _miss(self, key: str, expected: str, *, is_refused_empty: bool = True) -> None:
        """Warns of a key that is there and has nothing behind it, where boulder refuses that."""
        name, value = self._entries.get(key, (None, None))
        if name is not None and (is_refused_empty or (isinstance(value, Scalar) and value.text)):
            sentence = f"{key!r} has no value; boulder refuses that: write {expected}, or leave the key out"
            self.warn(name, WarningKind.NO_VALUE, sentence)

    def as_scalar(self, node: Node, expected: str) -> Scalar:
        """The node as text, or an error that says what was expected."""
        if not isinstance(node, Scalar):
            raise self.error(node, f"expected {expected}, not a {'list' if isinstance(node, Sequence) else 'map'}")
        return node

    def finish(self) -> None:
        """Warns of every key that nobody read."""
        for text, (key, _) in self._entries.items():
            if text not in self._read:
                sentence = f"the key {shown(text)} means nothing in {self.what} and is ignored"
                self.warn(key, WarningKind.UNKNOWN_KEY, sentence)
