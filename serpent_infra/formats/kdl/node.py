"""What a KDL document is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | float | bool | None
"""Numbers without fraction and exponent are `int`, all others `float`, `#inf` and `#nan` too."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node, `name argument property=value { children }`.

    Attributes:
        name: the node's name.
        arguments: its values in order.
        properties: its named values in the order written.
        children: the nodes between its braces.
        line: the line of its name, from 1; 0 where the node was not read from text. Equality ignores it.
        column: the column of its name, from 1, in characters.
    """

    name: str
    arguments: tuple[Value, ...] = ()
    properties: Mapping[str, Value] = field(default_factory=dict)
    children: tuple["Node", ...] = ()
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)
