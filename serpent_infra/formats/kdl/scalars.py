"""Numbers and the insides of strings: escapes, and the indentation that multi-line strings lose."""

import re

from serpent_infra.formats.kdl.characters import BLANK, NEWLINE, NEWLINES

MAX_DIGITS = 400
"""Characters of the longest number that is read: longer ones cost time, and nobody writes them."""

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "b": "\b", "f": "\f", "s": " "}
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|(.)|$)", re.DOTALL)
_GAP = re.compile(rf"(\\\\)|\\[{NEWLINE}{BLANK}]+")
"""An escaped backslash, which is left alone, or a backslash before blanks, which takes them away with it."""

_DECIMAL = re.compile(r"[+-]?[0-9][0-9_]*(\.[0-9][0-9_]*)?([eE][+-]?[0-9][0-9_]*)?")
_RADIX = re.compile(r"([+-]?)0(?:(x)[0-9a-fA-F][0-9a-fA-F_]*|(o)[0-7][0-7_]*|b[01][01_]*)")


def number(text: str) -> int | float:
    """Reads a number of any radix. Raises `ValueError` with the reason."""
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} characters")
    if match := _RADIX.fullmatch(text):
        base = 16 if match[2] else 8 if match[3] else 2
        digits = text.lstrip("+-")[2:].replace("_", "")
        return -int(digits, base) if match[1] == "-" else int(digits, base)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no number")
    digits = text.replace("_", "")
    return float(digits) if match[1] or match[2] else int(digits)


def one_line(body: str, *, is_raw: bool) -> str:
    """Gives what stands between single quotes. Raises `ValueError` for a line end, or an escape that is unknown."""
    text = body if is_raw else _without_gaps(body)
    if NEWLINES.search(text):
        raise ValueError('a string goes over a line end; write """ for several lines')
    return text if is_raw or "\\" not in text else _ESCAPE.sub(_escaped, text)


def _without_gaps(text: str) -> str:
    return _GAP.sub(lambda match: match[1] or "", text)


def _escaped(match: re.Match[str]) -> str:
    if match[1]:
        code = int(match[1], 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 (the bounds of Unicode and of its pairs)
            raise ValueError(f"{match[0]} is no character")
        return chr(code)
    if match[2] not in _ESCAPES:
        raise ValueError(f"the escape {match[0]} is unknown")
    return _ESCAPES[match[2]]


def dedent(body: str, *, is_raw: bool) -> str:
    r"""Gives what stands between the triple quotes of a multi-line string: the last line's indentation is cut off all.

    Line ends become `\n`. Raises `ValueError` where the quotes do not stand on lines of their own, or a line is
    indented otherwise.
    """
    first, *lines = NEWLINES.split(body if is_raw else _without_gaps(body))
    if first or not lines:
        raise ValueError("a multi-line string begins on the line after its quotes")
    indentation = lines.pop()
    if indentation.strip(BLANK):
        raise ValueError("the closing quotes of a multi-line string stand on a line of their own")
    plain: list[str] = []
    for line in lines:
        if not line.strip(BLANK):
            plain.append("")
        elif line.startswith(indentation):
            plain.append(line[len(indentation) :])
        else:
            raise ValueError("a line of a multi-line string is indented less than its closing quotes")
    text = "\n".join(plain)
    return text if is_raw or "\\" not in text else _ESCAPE.sub(_escaped, text)
