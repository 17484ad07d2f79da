"""How numbers and lists become words: spans of time, amounts of memory, names. No clock: the time is passed in."""

from collections.abc import Sequence
from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_LONG_AGO = 30 * _DAY
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def span(seconds: float) -> str:
    """Gives a span in its largest unit: `42 s`, `3 min`, `5 h`, `2 d`."""
    whole = int(abs(seconds))
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def relative(moment: datetime, *, now: datetime) -> str:
    """Says how far `moment` is from `now`: `3 min ago`, `in 2 h`, and the date beyond thirty days."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 5:  # noqa: PLR2004 - clocks of two machines differ by as much
        return "now"
    if abs(seconds) > _LONG_AGO:
        return f"{moment.day} {moment:%b %Y}"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(seconds)}"


def duration(length: float | timedelta) -> str:
    """Gives a duration in its two largest units: `1 h 12 min`, `3 min 5 s`, `1 min`, `42 s`, `0.4 s`."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    whole = max(0, int(seconds))
    for large, small, names in ((_DAY, _HOUR, ("d", "h")), (_HOUR, _MINUTE, ("h", "min")), (_MINUTE, 1, ("min", "s"))):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {names[0]}" + (f" {rest} {names[1]}" if rest else "")
    if seconds < 10:  # noqa: PLR2004 - tenths matter only to short phases
        return f"{max(0.0, seconds):.1f} s"
    return f"{whole} s"


def amount(size: float) -> str:
    """Gives bytes in binary units with three digits that matter: `812 B`, `1.43 MiB`, `240 GiB`."""
    value = float(size)
    if abs(value) < 1024:  # noqa: PLR2004 - the first binary unit
        return f"{int(value)} B"
    for unit in _UNITS:
        value /= 1024
        if abs(value) < 1000 or unit == _UNITS[-1]:  # noqa: PLR2004 - four digits move on to the next unit
            break
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0  # noqa: PLR2004 - three digits in all
    return f"{value:.{digits}f} {unit}"


def listed(names: Sequence[str], *, most: int) -> str:
    """Gives names for a sentence, and the number of those beyond `most`: `zlib, libpng and 3 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
