"""`control.kdl`, which edits the recipe beside it without touching its file (stone-spec 4.4).

Three nodes, `prepend`, `append` and `override`, are applied in this order; each may edit scripts and lists of the root,
and below `profiles` and `packages` those of profiles and packages that the recipe has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.kdl import Node, parse_kdl
from serpent_infra.formats.patterns import compile_pattern
from serpent_infra.formats.recipe.document import shown
from serpent_infra.formats.recipe.model import SCRIPT_KEYS, Build, Package, Recipe, RecipeWarning, WarningKind

FILE_NAME = "control.kdl"
_BUILD_LISTS = ("builddeps", "checkdeps")
_PACKAGE_LISTS = ("rundeps", "rundeps-exclude", "conflicts")


class Mode(StrEnum):
    """What an edit does with a text or a list: the values are the nodes of the file, in the order they are applied."""

    PREPEND = "prepend"
    APPEND = "append"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What stands in one node, of the root, a profile or a package: texts by key of the recipe.

    `line` and `column` are those of the node, from 1.
    """

    scripts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    profiles: tuple[tuple[str, "Edit"], ...] = ()
    packages: tuple[tuple[str, "Edit"], ...] = ()
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The whole file; `warnings` name nodes that mean nothing and texts that are no dependencies."""

    edits: Mapping[Mode, Edit]
    warnings: tuple[RecipeWarning, ...] = ()
    path: str = ""


def parse_control(data: bytes, *, path: str = "") -> Control:
    """Reads the file. Raises `FormatError` with line, column and what was expected."""
    reader = _Reader(path)
    edits = {
        Mode(name): reader.edit(node, scripts=SCRIPT_KEYS, lists=(*_BUILD_LISTS, *_PACKAGE_LISTS), is_root=True)
        for name, node in reader.nodes(parse_kdl(data, path=path), tuple(Mode), "a control file").items()
    }
    return Control(edits=MappingProxyType(edits), warnings=reader.sorted_warnings(), path=path)


def apply_control(recipe: Recipe, control: Control) -> Recipe:
    """Gives the edited recipe; its warnings stay its own. Raises `FormatError` for a profile or package it lacks.

    Scripts join with a line break. An edited script has lines of two files and no `first_lines` any more.
    """
    for mode in Mode:
        if mode in control.edits:
            recipe = _apply(recipe, mode, control.edits[mode], control.path)
    return recipe


def _apply(recipe: Recipe, mode: Mode, edit: Edit, path: str) -> Recipe:
    build = _edited_build(recipe.build, mode, edit)
    root = _edited_package(recipe.root, mode, edit)
    profiles, packages = list(recipe.profiles), list(recipe.packages)
    for key, inner in edit.profiles:
        at = _position(key, profiles, inner, f"the profile {shown(key)}", path)
        profiles[at] = (key, _edited_build(profiles[at][1], mode, inner))
    for key, inner in edit.packages:
        at = _position(key, packages, inner, f"the package {shown(key)}", path)
        packages[at] = (key, _edited_package(packages[at][1], mode, inner))
    return replace(recipe, build=build, root=root, profiles=tuple(profiles), packages=tuple(packages))


def _position(key: str, entries: Iterable[tuple[str, object]], edit: Edit, what: str, path: str) -> int:
    names = [name for name, _ in entries]
    if key not in names:
        known = ", ".join(names) or "none"
        raise FormatError(f"{what} is not in the recipe; it has {known}", path=path, line=edit.line, column=edit.column)
    return names.index(key)


def _edited_build(build: Build, mode: Mode, edit: Edit) -> Build:
    scripts = {key: _joined(mode, build.scripts.get(key, ""), text) for key, text in edit.scripts.items()}
    return replace(
        build,
        scripts=MappingProxyType({**build.scripts, **scripts}),
        builddeps=_edited_list(build.builddeps, mode, edit, "builddeps"),
        checkdeps=_edited_list(build.checkdeps, mode, edit, "checkdeps"),
        first_lines=MappingProxyType({key: line for key, line in build.first_lines.items() if key not in scripts}),
    )


def _edited_package(package: Package, mode: Mode, edit: Edit) -> Package:
    return replace(
        package,
        rundeps=_edited_list(package.rundeps, mode, edit, "rundeps"),
        rundeps_exclude=_edited_list(package.rundeps_exclude, mode, edit, "rundeps-exclude"),
        conflicts=_edited_list(package.conflicts, mode, edit, "conflicts"),
    )


def _joined(mode: Mode, text: str, update: str) -> str:
    match mode:
        case Mode.PREPEND:
            return f"{update}\n{text}"
        case Mode.APPEND:
            return f"{text}\n{update}"
        case Mode.OVERRIDE:
            return update


def _edited_list(items: tuple[str, ...], mode: Mode, edit: Edit, key: str) -> tuple[str, ...]:
    update = edit.lists.get(key)
    if update is None:
        return items
    match mode:
        case Mode.PREPEND:
            return (*update, *items)
        case Mode.APPEND:
            return (*items, *update)
        case Mode.OVERRIDE:
            return update


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
