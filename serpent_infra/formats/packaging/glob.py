"""Path patterns as boulder matches them: Rust's `glob` crate with its default options (stone-spec 5.2).

`*` and `?` cross slashes and match leading dots, `**` must be a whole component, there are classes but no braces and
no escapes. Patterns become regular expressions whose segments between stars are atomic, so that no pattern makes
matching slow.
"""

import re
from collections.abc import Iterator


def glob_expression(pattern: str) -> str | None:
    r"""Translates a pattern into a regular expression for the beginning of a text; None where it is invalid.

    The caller appends what must follow, at least `\Z`, and compiles with `re.DOTALL`.
    """
    segments = _segments(pattern)
    if segments is None:
        return None
    *inner, (star, last) = segments
    parts = [f"(?>{_LAZY[star]}{text})" if star else text for star, text in inner]
    return "".join(parts) + _GREEDY[star] + last


_STAR, _COMPONENTS, _REST = "*", "**/", "**"
_LAZY = {"": "", _STAR: ".*?", _COMPONENTS: "(?:.*?/)??", _REST: ".*?"}
_GREEDY = {"": "", _STAR: ".*", _COMPONENTS: "(?:.*/)?", _REST: ".*"}


def _segments(pattern: str) -> list[tuple[str, str]] | None:
    """Cuts a pattern at its stars: each item is the star before it ("" for none) and fixed-length text as regex."""
    segments: list[tuple[str, list[str]]] = [("", [])]
    for token, is_star in _tokens(pattern):
        if token is None:
            return None
        if not is_star:
            segments[-1][1].append(token)
        elif segments[-1][1] or not segments[-1][0]:
            segments.append((token, []))
        elif _STAR in {token, segments[-1][0]}:  # two in a row are as good as the wider one
            segments[-1] = (_STAR, [])
        else:
            segments[-1] = (token, [])
    return [(star, "".join(text)) for star, text in segments]


def _tokens(pattern: str) -> Iterator[tuple[str | None, bool]]:
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            length = len(pattern) - position - len(pattern[position:].lstrip("*"))
            star = _star(pattern, position, length)
            yield star, True
            position += length + (star == _COMPONENTS)
        elif character == "[":
            content = _class_content(pattern, position)
            if content is None:
                yield None, False
                return
            yield _class(content), False
            position += len(content) + 2
        else:
            yield "." if character == "?" else re.escape(character), False
            position += 1


def _star(pattern: str, position: int, length: int) -> str | None:
    """Says which star stands here: one, or two that are a component of their own; None for anything else."""
    if length == 1:
        return _STAR
    before, after = pattern[:position], pattern[position + length :]
    if length > len(_REST) or (before and not before.endswith("/")) or (after and not after.startswith("/")):
        return None
    return _COMPONENTS if after else _REST


def _class_content(pattern: str, position: int) -> str | None:
    """Gives what stands between `[` and its `]`, which is never the first character after `[` or `[!`."""
    first = position + (2 if pattern[position + 1 : position + 2] == "!" else 1)
    end = pattern.find("]", first + 1)
    return None if end < 0 else pattern[position + 1 : end]


def _class(content: str) -> str:
    """Translates a class; `a-z` is a range wherever three characters are left for it, an empty range matches none."""
    negated = content.startswith("!")
    characters = content[1:] if negated else content
    members: list[str] = []
    position = 0
    while position < len(characters):
        if characters[position + 1 : position + 2] == "-" and position + 2 < len(characters):
            low, high = characters[position], characters[position + 2]
            if low <= high:
                members.append(f"{re.escape(low)}-{re.escape(high)}")
            position += 3
        else:
            members.append(re.escape(characters[position]))
            position += 1
    if not members:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{''.join(members)}]"
