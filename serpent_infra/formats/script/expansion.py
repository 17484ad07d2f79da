"""Macro expansion: `%action`, `%(definition)`, `%%`, breakpoints, and literal text (stone-spec 4.6)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.macro_file import Action

MAX_DEPTH = 128
MAX_LENGTH = 2**22  # characters; the longest script of the distribution has twenty thousand
_SHOWN_LENGTH = 100
BREAK_CONTINUE, BREAK_EXIT = "break_continue", "break_exit"
TOKEN = re.compile(r"%(?:(?P<percent>%)|\((?P<value>[A-Za-z0-9_]+)\)|(?P<action>[A-Za-z0-9_]+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a text may name; `builtins` are written `%(_name)` and seen inside macros only."""

    actions: Mapping[str, Action] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)
    builtins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expansion:
    """An expanded text: `parts` are what stands between breakpoints, at least one.

    `dependencies` are those of every action met, in the order met, without repetition.
    """

    parts: tuple[str, ...]
    dependencies: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole text, breakpoints left out."""
        return "".join(self.parts)


def expand(text: str, names: Names) -> Expansion:
    """Expands a text of a recipe.

    Raises `ScriptError` for an unknown name and for macros nested deeper than `MAX_DEPTH`; it gives the name, the
    line and column in `text` that lead there, and the macro in whose text the name stands.
    """
    run = _Run(names)
    run.walk(text, depth=0)
    return Expansion(tuple("".join(part) for part in run.parts), tuple(run.dependencies))


class _Run:
    """One expansion under way."""

    def __init__(self, names: Names) -> None:
        self.parts: list[list[str]] = [[]]
        self.dependencies: dict[str, None] = {}
        self._names = names
        self._is_over = False
        self._length = 0

    def walk(self, text: str, *, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ScriptError(f"macros are nested deeper than {MAX_DEPTH} levels; one of them names itself")
        position = 0
        for token in TOKEN.finditer(text):
            self._literal(text[position : token.start()])
            position = token.end()
            try:
                self._token(token, depth)
            except ScriptError as error:
                if depth:
                    raise
                raise self._located(error, token) from error
        self._literal(text[position:])

    def _token(self, token: re.Match[str], depth: int) -> None:
        if token["percent"]:
            self._literal("%")
        elif token["value"]:
            self._value(token["value"], depth)
        else:
            self._action(token["action"], depth)

    def _located(self, error: ScriptError, token: re.Match[str]) -> ScriptError:
        """Adds to an error the place in the outermost text, and the macro there if it is not itself what is wrong."""
        before = token.string[: token.start()]
        name = token["action"] or token["value"]
        is_known = name in self._names.actions or name in self._names.definitions
        return ScriptError(
            f"{error.reason}; {token[0]} leads there" if is_known else error.reason,
            line=before.count("\n") + 1,
            column=len(before) - before.rfind("\n"),
            name=token[0],
        )

    def _literal(self, text: str) -> None:
        if text and not self._is_over:
            self._length += len(text)
            if self._length > MAX_LENGTH:
                raise ScriptError(f"the expanded text is too long; expected at most {MAX_LENGTH:,} characters")
            self.parts[-1].append(text)

    def _value(self, name: str, depth: int) -> None:
        if name in self._names.definitions:
            self.walk(self._names.definitions[name], depth=depth + 1)
        elif name.startswith("_") and depth == 0:
            raise ScriptError(f"%({_cut(name)}) may only be used inside macros")
        elif name.startswith("_") and name[1:] in self._names.builtins:
            self.walk(self._names.builtins[name[1:]], depth=depth + 1)
        else:
            raise ScriptError(f"%({_cut(name)}) is not defined")

    def _action(self, name: str, depth: int) -> None:
        if name in self._names.actions:
            action = self._names.actions[name]
            if not self._is_over:
                self.dependencies.update(dict.fromkeys(action.dependencies))
            self.walk(action.command, depth=depth + 1)
        elif name == BREAK_CONTINUE:
            self.parts.append([])
        elif name == BREAK_EXIT:
            self._is_over = True
        else:
            shown = _cut(name)
            raise ScriptError(f"%{shown} is no macro; write %%{shown} where a percent sign is meant")


def _cut(name: str) -> str:
    return name if len(name) <= _SHOWN_LENGTH else f"{name[:_SHOWN_LENGTH]}…"
