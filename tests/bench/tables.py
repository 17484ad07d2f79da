"""One clear table a figure: what was measured, how, and the numbers, aligned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True)
class Sample:
    """Repeated measurements of one thing, in seconds."""

    name: str
    seconds: Sequence[float]

    def quantile(self, share: float) -> float:
        """Gives the smallest measurement that at least this share of all does not exceed."""
        return sorted(self.seconds)[max(0, ceil(share * len(self.seconds)) - 1)]

    @property
    def median(self) -> float:
        return median(self.seconds)


def print_table(title: str, *, how: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a figure; the first column is text, the others are numbers."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    rule = "  ".join("-" * width for width in widths)
    print(f"\n\n{title}\n{how}\n")  # noqa: T201 - printing is what a bench is for
    for number, line in enumerate(lines):
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        print(f"  {'  '.join(cells)}".rstrip())  # noqa: T201 - likewise
        if number == 0:
            print(f"  {rule}")  # noqa: T201 - likewise


def milliseconds(seconds: float) -> str:
    """Spells a short time."""
    return f"{seconds * 1000:,.0f} ms"


def in_seconds(seconds: float) -> str:
    """Spells a long time."""
    return f"{seconds:,.2f} s"
