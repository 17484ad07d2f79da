"""Reads a `control.kdl` (stone-spec 4.4): nodes become edits, and what is odd about them is noted."""

from collections.abc import Iterable
from types import MappingProxyType

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.kdl import Node, parse_kdl
from serpent_infra.formats.patterns import compile_pattern
from serpent_infra.formats.recipe.control import Control, Edit, Mode
from serpent_infra.formats.recipe.document import shown
from serpent_infra.formats.recipe.model import SCRIPT_KEYS, RecipeWarning, WarningKind

_BUILD_LISTS = ("builddeps", "checkdeps")
_PACKAGE_LISTS = ("rundeps", "rundeps-exclude", "conflicts")


def parse_control(data: bytes, *, path: str = "") -> Control:
    """Reads the file. Raises `FormatError` with line, column and what was expected."""
    reader = _Reader(path)
    edits = {
        Mode(name): reader.edit(node, scripts=SCRIPT_KEYS, lists=(*_BUILD_LISTS, *_PACKAGE_LISTS), is_root=True)
        for name, node in reader.nodes(parse_kdl(data, path=path), tuple(Mode), "a control file").items()
    }
    return Control(edits=MappingProxyType(edits), warnings=reader.sorted_warnings(), path=path)


class _Reader:
    """Turns nodes into edits and notes what is odd about them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.warnings: list[RecipeWarning] = []

    def sorted_warnings(self) -> tuple[RecipeWarning, ...]:
        """Gives what was odd, by place."""
        return tuple(sorted(self.warnings, key=lambda one: (one.line, one.column)))

    def edit(self, node: Node, *, scripts: Iterable[str], lists: Iterable[str], is_root: bool = False) -> Edit:
        """Reads one node's children."""
        self._refuse_values(node)
        below = ("profiles", "packages") if is_root else ()
        children = self.nodes(node.children, (*scripts, *lists, *below), shown(node.name))
        profiles, packages = (children[key].children if key in children else () for key in ("profiles", "packages"))
        return Edit(
            scripts=MappingProxyType({key: self._text(children[key]) for key in scripts if key in children}),
            lists=MappingProxyType({key: self._list(children[key]) for key in lists if key in children}),
            profiles=tuple((one.name, self.edit(one, scripts=SCRIPT_KEYS, lists=_BUILD_LISTS)) for one in profiles),
            packages=tuple((one.name, self.edit(one, scripts=(), lists=_PACKAGE_LISTS)) for one in packages),
            line=node.line,
            column=node.column,
        )

    def nodes(self, nodes: Iterable[Node], known: Iterable[str], what: str) -> dict[str, Node]:
        """Gives the nodes by name, each at most once; those that mean nothing are warned of."""
        found: dict[str, Node] = {}
        expected = frozenset(known)
        for node in nodes:
            if node.name not in expected:
                self._warn(node, WarningKind.UNKNOWN_KEY, f"{shown(node.name)} means nothing in {what} and is ignored")
            elif node.name in found:
                raise self._error(node, f"{shown(node.name)} stands here a second time")
            else:
                found[node.name] = node
        return found

    def _text(self, node: Node) -> str:
        match node.arguments:
            case (str() as text,) if not node.properties and not node.children:
                return text
            case _:
                raise self._error(node, f"expected one text after {node.name!r}")

    def _list(self, node: Node) -> tuple[str, ...]:
        self._refuse_values(node)
        for item in node.children:
            if item.arguments or item.properties or item.children:
                raise self._error(item, f"expected items of {node.name!r} each on a line of its own, and nothing else")
            self._check_item(node.name, item)
        return tuple(item.name for item in node.children)

    def _check_item(self, key: str, item: Node) -> None:
        if key == "rundeps-exclude":
            try:
                compile_pattern(item.name)
            except ValueError as error:
                raise self._error(item, f"in {key!r}: expected a regular expression: {error}") from error
        elif "%(" not in item.name:
            try:
                Capability.parse(item.name)
            except FormatError as error:
                self._warn(item, WarningKind.NO_DEPENDENCY, f"in {key!r}: {error.reason}")

    def _refuse_values(self, node: Node) -> None:
        if node.arguments or node.properties:
            raise self._error(node, f"expected nodes in braces after {shown(node.name)}, and no values")

    def _warn(self, node: Node, kind: WarningKind, text: str) -> None:
        self.warnings.append(RecipeWarning(text, node.line, node.column, kind))

    def _error(self, node: Node, reason: str) -> FormatError:
        return FormatError(reason, path=self.path, line=node.line, column=node.column)
