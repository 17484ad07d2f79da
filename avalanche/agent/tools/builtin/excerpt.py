"""The lines of a log that show why a phase failed: the first real error with what stands around it, else the end."""

import re

from serpent_infra.wire.reports import EXCERPT_LIMIT

_BEFORE, _AFTER, _LAST = 2, 14, 12
_LINE_LIMIT = 400
# Strongest first: what a compiler or configuration tool says names the cause, what make says only that there is one.
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"^\S+:\d+(:\d+)?: (fatal )?error:|^\S+: (fatal )?error: ",
        r"undefined reference to|cannot find -l|multiple definition of|^ld(\.\w+)?: ",
        r"^CMake Error|^configure: error:|^\S*meson\.build:\d+:\d+: ERROR|^ERROR: ",
        r"^error(\[\w+\])?: |^panic: |^Traceback \(most recent call last\)",
        r"^(FAIL|FAILED|not ok)\b|\bFAILED\b",
        r": (line \d+: )?.*: (command not found|No such file or directory|Permission denied)$",
        r"No space left on device|Killed$|[Ee]rror: ",
        r"^(g?make|ninja)(\[\d+\])?: (\*\*\*|build stopped)",
    )
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


def excerpt(text: str) -> str:
    """Picks the telling lines out of a phase's output; the same text gives the same lines."""
    lines = [_ESCAPES.sub("", line)[:_LINE_LIMIT].rstrip() for line in text.splitlines()]
    first = _first_error(lines)
    if first is None:
        return "\n".join(lines[-(_AFTER + _LAST) :])[-EXCERPT_LIMIT:]
    begin, end = max(first - _BEFORE, 0), min(first + _AFTER + 1, len(lines))
    chosen = lines[begin:end]
    last = max(end, len(lines) - _LAST)
    if last < len(lines):
        chosen += (["[...]"] if last > end else []) + lines[last:]
    return "\n".join(chosen)[:EXCERPT_LIMIT]


def _first_error(lines: list[str]) -> int | None:
    for pattern in _PATTERNS:
        for number, line in enumerate(lines):
            if pattern.search(line):
                return number
    return None
