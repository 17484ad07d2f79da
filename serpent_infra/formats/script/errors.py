"""The exception of scripts and macros."""


class ScriptError(Exception):
    """A recipe asks for a macro, a tuning group or a target that does not exist; the text is for people.

    Attributes:
        reason: what is wrong, without the place.
        line: where it shows, from 1, None where unknown: in the recipe, or for `expand` in the text that it was given.
        column: where in that text's line, from 1, None where unknown.
        name: what stands there, as it is written (`%make`, `%(prefix)`, a tuning group), "" where unknown.
    """

    def __init__(self, reason: str, *, line: int | None = None, column: int | None = None, name: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column
        self.name = name

    def __str__(self) -> str:
        return self.reason if self.line is None else f"{self.reason} (line {self.line})"
