"""How boulder rewrites an unquoted version: it reads a YAML number and writes that number's shortest text."""

import re
from math import isfinite

_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_RADIX = re.compile(r"([-+]?)0([xob])([0-9A-Fa-f]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASES = {"x": 16, "o": 8, "b": 2}
_U64 = 2**64
_EXPONENT_LOW, _EXPONENT_HIGH = -5, 16  # Rust writes floats between these powers of ten without an exponent


def rewritten(text: str) -> str:
    """Says what an unquoted scalar becomes once it has been a YAML 1.2 number (stone-spec 4.1): `1.10` becomes `1.1`.

    Text that is no number comes back as it is.
    """
    if _DECIMAL.fullmatch(text):
        return str(int(text)) if abs(int(text)) < _U64 else text
    if radix := _RADIX.fullmatch(text):
        sign, base, digits = radix.groups()
        try:
            return str(int(sign + digits, _BASES[base]))
        except ValueError:
            return text
    if text.lstrip("+-").isdigit():  # leading zeros: text to serde_yaml
        return text
    if _FLOAT.fullmatch(text) and isfinite(float(text)):
        return _float_text(float(text))
    return text


def _float_text(value: float) -> str:
    shown = repr(value)
    if "e" not in shown:
        return shown
    mantissa, _, exponent = shown.partition("e")
    power = int(exponent)
    if _EXPONENT_LOW <= power < _EXPONENT_HIGH:
        return f"{value:.{max(1, len(mantissa.partition('.')[2]) - power)}f}"
    return f"{mantissa.removesuffix('.0')}e{power}"
