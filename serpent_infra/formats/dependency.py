"""Dependencies and providers: a kind and a target, written `kind(target)` (stone-spec 1.5)."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from serpent_infra.formats.errors import FormatError


class Kind(IntEnum):
    """What a capability is about; values are those of the container."""

    NAME = 0
    SONAME = 1
    PKGCONFIG = 2
    INTERPRETER = 3
    CMAKE = 4
    PYTHON = 5
    BINARY = 6
    SYSBINARY = 7
    PKGCONFIG32 = 8

    @property
    def label(self) -> str:
        """The kind as it stands in text, in lower case."""
        return self.name.lower()


_KINDS = {kind.label: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Capability:
    """Something that a package provides and another depends on; equal when kind and target are.

    Capabilities sort by their text, as every set of them in a stone does.
    """

    kind: Kind
    target: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `kind(target)`, or a bare package name; the target may hold parentheses itself.

        Raises `FormatError` for an unknown kind, a missing `)` or an empty target.
        """
        label, bracket, rest = text.partition("(")
        if not bracket:
            kind, target = Kind.NAME, text
        else:
            if label not in _KINDS:
                raise FormatError(f"{text!r}: {label!r} is no kind; expected one of {', '.join(_KINDS)}")
            if not rest.endswith(")"):
                raise FormatError(f"{text!r} does not end in ')'")
            kind, target = _KINDS[label], rest[:-1]
        if not target:
            raise FormatError(f"{text!r} names nothing")
        return cls(kind, target)

    @classmethod
    def name(cls, package: str) -> Self:
        """Makes the capability that every package provides: its own name."""
        return cls(Kind.NAME, package)

    @property
    def text(self) -> str:
        """The full text form, `kind(target)`, names included."""
        return f"{self.kind.label}({self.target})"

    def __lt__(self, other: "Capability") -> bool:
        return self.text < other.text

    def __str__(self) -> str:
        """The form people read: a bare name, or `kind(target)`."""
        return self.target if self.kind is Kind.NAME else self.text
