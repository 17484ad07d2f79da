"""What a `control.kdl` does to the recipe beside it, without touching its file (stone-spec 4.4).

Three nodes, `prepend`, `append` and `override`, are applied in this order; each may edit scripts and lists of the root,
and below `profiles` and `packages` those of profiles and packages that the recipe has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe.document import shown
from serpent_infra.formats.recipe.model import Build, Package, Recipe, RecipeWarning

FILE_NAME = "control.kdl"


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
