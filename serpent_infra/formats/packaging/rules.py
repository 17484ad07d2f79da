"""Which package a path belongs to: rules are tried from the last to the first (stone-spec 5.2)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.glob import glob_expression
from serpent_infra.formats.packaging.tree import readable

_SPECIAL = re.compile(r"[?*\[\]]")


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern of absolute paths, and the package they belong to."""

    pattern: str
    package: str


class Rules:
    """The rules of a build, in the order they were given."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._order = list(reversed(list(rules)))
        self._literal: dict[str, int] = {}
        for place, rule in enumerate(self._order):
            self._literal.setdefault(rule.pattern, place)
        places = [(place, text) for place, rule in enumerate(self._order) if (text := _expression(rule.pattern))]
        self._places = [place for place, _ in places]
        self._pattern = re.compile("|".join(f"({text})" for _, text in places) or "(?!)", re.DOTALL)

    def package_of(self, path: str) -> str:
        """Finds the package of an absolute path. Raises `PackagingError` where no rule matches."""
        match = self._pattern.match(_SPECIAL.sub(r"[\g<0>]", path))
        literal = self._literal.get(path)
        matched = self._places[match.lastindex - 1] if match and match.lastindex else None
        places = [place for place in (literal, matched) if place is not None]
        if not places:
            raise PackagingError(f"no package takes the path {readable(path)}", paths=(path,))
        return self._order[min(places)].package


@lru_cache(maxsize=1024)  # every recipe has the templates' patterns
def _expression(pattern: str) -> str | None:
    """Translates a pattern so that it matches its paths and all below; one that ends in `/` only what is below.

    Paths are matched with their special characters wrapped, as boulder does, hence a pattern reaches a path that holds
    one only by a star or by being equal to it.
    """
    bare = pattern.removesuffix("/")
    is_below_only = pattern != bare and bare.rpartition("/")[2] != "**"  # `**/` takes the rest of a path, as `**` does
    expression = glob_expression(bare)
    below = "/.*" if is_below_only else "(?:/.*)?"
    return None if expression is None else f"{expression}{below}\\Z"
