"""The one exception of the formats: what is wrong, where, in which file."""


class FormatError(Exception):
    """A file or text breaks its format.

    Attributes:
        reason: a sentence that says what is wrong.
        path: the file, "" where the bytes had none.
        offset: the byte where it shows, None for text formats.
        line: the line where it shows, from 1, None for binary formats.
        column: the column where it shows, from 1, None where unknown.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: str = "",
        offset: int | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.offset = offset
        self.line = line
        self.column = column

    def __str__(self) -> str:
        place = self.path
        if self.line is not None:
            place += f":{self.line}" + (f":{self.column}" if self.column is not None else "")
        elif self.offset is not None:
            place += f" at byte {self.offset}"
        return f"{place}: {self.reason}" if place else self.reason
