"""The characters of KDL: which are blank, which end lines, which no document may hold, what a bare word is."""

import re

NEWLINE = "\r\n\x85\x0b\x0c\u2028\u2029"
BLANK = "\t \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

NEWLINES = re.compile(f"\r\n|[{NEWLINE}]")
FORBIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control and direction characters, and halves of pairs; U+FEFF may stand first in a file and nowhere else."""

WORD = re.compile(rf'[^{NEWLINE}{BLANK}\\/(){{}};\[\]"#=]+')
"""A run of characters that a bare word, or a number, is made of."""

NUMBER_LIKE = re.compile(r"[+-]?\.?[0-9]")
"""How a number starts, and therefore no bare word does."""

RESERVED = frozenset({"true", "false", "null", "inf", "-inf", "nan"})
"""Words that are never bare text: they would look like values."""


def is_bare(text: str) -> bool:
    """Says whether a text may stand without quotes."""
    return (
        WORD.fullmatch(text) is not None
        and NUMBER_LIKE.match(text) is None
        and FORBIDDEN.search(text) is None
        and text not in RESERVED
    )
