"""Names those recipes without a manifest that will provide a capability, to judge by their names.

Before the first build nobody can know; a wrong guess costs waiting, and is looked at again after each build.
"""

import re
from collections.abc import Iterable

from serpent_infra.formats.dependency import Capability, Kind
from summit.needs import Node

_TEMPLATE_SUFFIXES = ("-devel", "-libs", "-docs", "-32bit", "-32bit-devel", "-demos", "-dbginfo")
_GUESSED_KINDS = {Kind.PKGCONFIG, Kind.PKGCONFIG32, Kind.CMAKE, Kind.BINARY, Kind.SYSBINARY, Kind.PYTHON, Kind.SONAME}


class Guesses:
    """The tasks of recipes without a manifest by the names of their packages, read once."""

    def __init__(self, uncertain: Iterable[Node]) -> None:
        self._by_package: dict[str, list[int]] = {}
        self._by_stem: dict[str, dict[int, None]] = {}
        for node in uncertain:
            for provided in sorted(node.provides):
                if provided.kind is Kind.NAME:
                    self._by_package.setdefault(provided.target, []).append(node.key)
                    self._by_stem.setdefault(_stem(provided.target), {})[node.key] = None

    def providers(self, capability: Capability, *, besides: int) -> list[int]:
        """Lists the keys of the likely providers, but for one."""
        found: Iterable[int] = ()
        if capability.kind is Kind.NAME:
            found = {
                key
                for suffix in _TEMPLATE_SUFFIXES
                if capability.target.endswith(suffix)
                for key in self._by_package.get(capability.target.removesuffix(suffix), ())
            }
        elif capability.kind in _GUESSED_KINDS:
            found = self._by_stem.get(_stem(capability.target), ())
        return sorted(key for key in found if key != besides)


def _stem(text: str) -> str:
    """Reduces `libfoo.so.1(64-bit)`, `libfoo-2.0` and `Foo` to what they have in common."""
    base = re.split(r"\.so\b|\(", text.lower())[0]
    base = re.sub(r"[-_.]?[0-9][0-9.]*\Z", "", base)
    base = base.removesuffix("-devel")
    return re.sub(r"[^a-z0-9+]", "", base.removeprefix("lib"))
