"""The geometry of the charts that templates draw as SVG: plain numbers in, coordinates out.

A chart's drawing space is `width` × `height` units with the origin at the top left, as in SVG.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

SERIES_COLOURS = 8  # how many `.s1 … .s8` charts.css has


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series: `points` for a polyline, `area` for the polygon under it, `colour` from 1 to 8."""

    label: str
    points: str
    area: str
    colour: int
    latest: float | None


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A labelled height (or position) of the grid."""

    at: float
    label: str


@dataclass(frozen=True, kw_only=True)
class LineChart:
    """Lines over a common time axis; `is_empty` when there is less than two moments to join."""

    width: int
    height: int
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]
    is_empty: bool


@dataclass(frozen=True, kw_only=True)
class Donut:
    """A share of a ring of radius 44: the stroked length, the rest, and the tone of its fullness."""

    percent: float
    dash: str
    tone: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One column of a bar chart, with the stacked second part above the first."""

    x: float
    y: float
    width: float
    height: float
    second_y: float
    second_height: float
    label: str
    title: str


@dataclass(frozen=True, kw_only=True)
class BarChart:
    """Columns side by side under a common height; `top` is the value of the highest."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    top: int


def line_chart(
    *,
    moments: Sequence[float],
    series: Sequence[tuple[str, Sequence[float | None]]],
    top: float,
    marks: Sequence[tuple[float, str]] = (),
    width: int = 400,
    height: int = 130,
) -> LineChart:
    """Draws each series over `moments` (seconds, ascending); values run from 0 to `top`, None leaves a gap out."""
    if len(moments) < 2 or moments[-1] <= moments[0] or top <= 0:  # noqa: PLR2004 - a line needs two ends
        return LineChart(width=width, height=height, lines=(), marks=(), is_empty=True)
    start, length = moments[0], moments[-1] - moments[0]

    def place(moment: float, value: float) -> str:
        x = (moment - start) / length * width
        y = height - min(max(value, 0.0), top) / top * height
        return f"{x:.1f},{y:.1f}"

    lines = []
    for number, (label, values) in enumerate(series):
        known = [(m, v) for m, v in zip(moments, values, strict=True) if v is not None]
        points = " ".join(place(m, v) for m, v in known)
        area = f"{place(known[0][0], 0)} {points} {place(known[-1][0], 0)}" if known else ""
        latest = known[-1][1] if known else None
        lines.append(Line(label=label, points=points, area=area, colour=number % SERIES_COLOURS + 1, latest=latest))
    return LineChart(
        width=width,
        height=height,
        lines=tuple(lines),
        marks=tuple(Mark(at=round(height - value / top * height, 1), label=text) for value, text in marks),
        is_empty=False,
    )


def donut(*, used: float, total: float) -> Donut:
    """Draws how much of `total` is used; amber from 80 %, red from 92 %."""
    share = min(max(used / total, 0.0), 1.0) if total > 0 else 0.0
    circumference = 2 * pi * 44
    tone = "bad" if share >= 0.92 else "wait" if share >= 0.8 else ""  # noqa: PLR2004 - said above
    return Donut(
        percent=round(share * 100, 1),
        dash=f"{share * circumference:.1f} {circumference:.1f}",
        tone=tone,
    )


def bar_chart(
    *, columns: Sequence[tuple[str, int, int]], width: int = 400, height: int = 90, gap: float = 2.0
) -> BarChart:
    """Draws columns of (label, first, second): the second stands on the first."""
    top = max((first + second for _, first, second in columns), default=0)
    step = width / max(len(columns), 1)
    bars = []
    for number, (label, first, second) in enumerate(columns):
        low = first / top * height if top else 0.0
        high = second / top * height if top else 0.0
        bars.append(
            Bar(
                x=round(number * step + gap / 2, 1),
                y=round(height - low, 1),
                width=round(max(step - gap, 1.0), 1),
                height=round(low, 1),
                second_y=round(height - low - high, 1),
                second_height=round(high, 1),
                label=label,
                title=f"{label}: {first} built, {second} failed",
            )
        )
    return BarChart(width=width, height=height, bars=tuple(bars), top=top)
