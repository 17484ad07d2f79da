"""The regular expressions of recipes, of `rundeps-exclude` and `provides-exclude` (stone-spec 4.1).

boulder's engine and RE2 share their syntax, and both search in linear time: no expression can hold a builder up.
"""

from collections.abc import Callable

import re2

MAX_LENGTH = 500  # characters; nested groups cost their square to compile
_MAX_MEMORY = 2**23  # bytes of a compiled expression


def compile_pattern(text: str) -> Callable[[str], bool]:
    """Makes a search for an expression: whether it is found anywhere in a text.

    Raises `ValueError` with what is wrong for an expression that RE2 does not have, or that is too large.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"{len(text)} characters are too many; expected at most {MAX_LENGTH}")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        search = re2.compile(text, options).search  # type: ignore[no-untyped-call]
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error
    return lambda subject: search(subject) is not None
