"""What a recipe takes away from dependencies and providers: patterns searched for in their texts (stone-spec 5.4)."""

import re
from collections.abc import Iterable

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.packaging.errors import PackagingError


class Exclusion:
    """The patterns of one package; they are not anchored."""

    def __init__(self, patterns: Iterable[str], package: str) -> None:
        """Compiles the patterns. Raises `PackagingError` for one that is no regular expression."""
        self._patterns = []
        for pattern in patterns:
            try:
                self._patterns.append(re.compile(pattern))
            except (re.error, RecursionError) as error:
                raise PackagingError(
                    f"{package}: the exclusion {pattern!r} is no regular expression: {error}"
                ) from error

    def takes(self, text: str) -> bool:
        """Says whether a text is taken away."""
        return any(pattern.search(text) for pattern in self._patterns)

    def rest(self, capabilities: Iterable[Capability]) -> frozenset[Capability]:
        """Gives the capabilities that stay."""
        return frozenset(one for one in capabilities if not self.takes(one.text))
