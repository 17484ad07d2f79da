"""What YAML 1.2 makes of unquoted text: which is a number, and how boulder writes it where that is a version."""

import re
from math import isfinite

_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_RADIX = re.compile(r"([-+]?)0([xob])([0-9A-Fa-f]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TYPED = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"}).union(
    sign + name for sign in ("", "+", "-") for name in (".inf", ".Inf", ".INF")
) | {".nan", ".NaN", ".NAN"}
_BASES = {"x": 16, "o": 8, "b": 2}
_U64 = 2**64
_EXPONENT_LOW, _EXPONENT_HIGH = -5, 16  # Rust writes floats between these powers of ten without an exponent


def is_typed(text: str) -> bool:
    """Says whether an unquoted scalar is a number or a truth value, and so no text."""
    if text in _TYPED or _DECIMAL.fullmatch(text):
        return True
    if radix := _RADIX.fullmatch(text):
        return _of_radix(*radix.groups()) is not None
    has_zeros = text.lstrip("+-").isdigit()  # leading ones, which make it text to serde_yaml
    return not has_zeros and _FLOAT.fullmatch(text) is not None and isfinite(float(text))


def rewritten(text: str) -> str:
    """Says what an unquoted scalar becomes once it has been a YAML 1.2 number (stone-spec 4.1): `1.10` becomes `1.1`.

    Text that is no number comes back as it is.
    """
    if _DECIMAL.fullmatch(text):
        return str(int(text)) if abs(int(text)) < _U64 else text
    if radix := _RADIX.fullmatch(text):
        number = _of_radix(*radix.groups())
        return text if number is None else str(number)
    if text.lstrip("+-").isdigit():  # leading zeros: text to serde_yaml
        return text
    if _FLOAT.fullmatch(text) and isfinite(float(text)):
        return _float_text(float(text))
    return text


def _of_radix(sign: str, base: str, digits: str) -> int | None:
    try:
        return int(sign + digits, _BASES[base])
    except ValueError:
        return None


def _float_text(value: float) -> str:
    shown = repr(value)
    if "e" not in shown:
        return shown
    mantissa, _, exponent = shown.partition("e")
    power = int(exponent)
    if _EXPONENT_LOW <= power < _EXPONENT_HIGH:
        return f"{value:.{max(1, len(mantissa.partition('.')[2]) - power)}f}"
    return f"{mantissa.removesuffix('.0')}e{power}"
