"""What a recipe takes away from dependencies and providers: patterns searched for in their texts (stone-spec 5.4)."""

from collections.abc import Iterable

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.patterns import compile_pattern


class Exclusion:
    """The patterns of one package; they are not anchored."""

    def __init__(self, patterns: Iterable[str], package: str) -> None:
        """Compiles the patterns. Raises `PackagingError` for one that is no regular expression."""
        self._searches = []
        for pattern in patterns:
            try:
                self._searches.append(compile_pattern(pattern))
            except ValueError as error:
                shown = repr(pattern[:100])
                reason = f"{package}: the exclusion {shown} is no regular expression: {error}"
                raise PackagingError(reason) from error

    def takes(self, text: str) -> bool:
        """Says whether a text is taken away."""
        return any(is_found(text) for is_found in self._searches)

    def rest(self, capabilities: Iterable[Capability]) -> frozenset[Capability]:
        """Gives the capabilities that stay."""
        return frozenset(one for one in capabilities if not self.takes(one.text))
