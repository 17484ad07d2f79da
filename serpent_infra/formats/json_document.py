"""Reads JSON of strangers: whatever is wrong with it is a `FormatError`."""

import json

from serpent_infra.formats.errors import FormatError


def parse_json(text: str | bytes, *, first_line: int = 1) -> object:
    """Reads one document; bytes are UTF-8. `first_line` is the number that errors give to the text's first line.

    Raises `FormatError`, also for nesting and numbers that are too large, and for text that no UTF-8 can hold.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        document: object = json.loads(decoded)
        if "\\u" in decoded:
            json.dumps(document, ensure_ascii=False).encode()  # finds lone surrogates
    except json.JSONDecodeError as error:
        raise FormatError(f"no JSON: {error.msg}", line=error.lineno + first_line - 1, column=error.colno) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no JSON: {error}") from error
    return document
