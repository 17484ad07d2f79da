"""The packages a recipe may come apart into: templates, the recipe's root, its own packages (stone-spec 5.1)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.rules import Rule, Rules
from serpent_infra.formats.recipe import Package, Recipe
from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.expansion import Names, expand
from serpent_infra.formats.script.macros import package_templates
from serpent_infra.formats.script.targets import build_targets

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:@-]{0,159}")
"""What a package may be called, for names become names of files: a recipe's 128 characters and a suffix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePlan:
    """What a package of a build is called and promises before anything is analysed; all texts expanded."""

    name: str
    summary: str
    description: str
    rundeps: tuple[str, ...]
    rundeps_exclude: tuple[str, ...]
    provides_exclude: tuple[str, ...]
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackageTable:
    """All packages by name, and the rules that share the paths out among them."""

    packages: Mapping[str, PackagePlan]
    rules: Rules


def package_table(recipe: Recipe, architecture: str) -> PackageTable:
    """Makes the table of a recipe on a host.

    Raises `PackagingError` for a text that cannot be expanded and for a name that no package may have, `ScriptError`
    for an architecture without macros.
    """
    entries, names = _entries(recipe, architecture), _names(recipe)
    packages: dict[str, PackagePlan] = {}
    rules: list[Rule] = []
    for raw_name, package in entries:
        plan = _plan(recipe, raw_name, package, names)
        known = packages.get(plan.name)
        packages[plan.name] = plan if known is None else _merged(known, plan)
        rules += [Rule(_expanded(rule.pattern, names), plan.name) for rule in package.paths]
    return PackageTable(packages, Rules(rules))


def package_names(recipe: Recipe, architecture: str) -> frozenset[str]:
    """Gives only the names of the table, at a small part of its cost. Raises as `package_table`."""
    names = _names(recipe)
    return frozenset(_name(raw_name, names) for raw_name, _ in _entries(recipe, architecture))


def _entries(recipe: Recipe, architecture: str) -> tuple[tuple[str, Package], ...]:
    """Lists what makes the table, the later the stronger; names are not expanded."""
    templates = package_templates(build_targets(recipe, architecture))
    return (*templates, (recipe.name, recipe.root), *recipe.packages)


def _names(recipe: Recipe) -> Names:
    return Names(definitions={"name": recipe.name, "version": recipe.version, "release": str(recipe.release)})


def _name(raw_name: str, names: Names) -> str:
    name = _expanded(raw_name, names)
    if not _NAME.fullmatch(name):
        expected = "letters, digits and ._+~:@- from a letter or digit on, 160 at most"
        raise PackagingError(f"{name[:200]!r} is no name of a package; expected {expected}")
    return name


def _plan(recipe: Recipe, raw_name: str, package: Package, names: Names) -> PackagePlan:
    summary = recipe.summary if package.summary is None else package.summary
    description = recipe.description if package.description is None else package.description
    return PackagePlan(
        name=_name(raw_name, names),
        summary=_expanded(summary, names),
        description=_expanded(description.strip(), names),
        rundeps=tuple(_expanded(text, names) for text in package.rundeps),
        rundeps_exclude=package.rundeps_exclude,
        provides_exclude=package.provides_exclude,
        conflicts=package.conflicts,
    )


def _merged(known: PackagePlan, newcomer: PackagePlan) -> PackagePlan:
    """Lists of dependencies are joined; all else is the newcomer's, even where it says nothing."""
    return PackagePlan(
        name=newcomer.name,
        summary=newcomer.summary,
        description=newcomer.description,
        rundeps=_sorted((*known.rundeps, *newcomer.rundeps)),
        rundeps_exclude=_sorted((*known.rundeps_exclude, *newcomer.rundeps_exclude)),
        provides_exclude=newcomer.provides_exclude,
        conflicts=newcomer.conflicts,
    )


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(texts, key=str.encode))


def _expanded(text: str, names: Names) -> str:
    try:
        return expand(text, names).text
    except ScriptError as error:
        raise PackagingError(f"in the package text {text!r}: {error.reason}") from error
