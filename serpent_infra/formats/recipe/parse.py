"""From the bytes of a `stone.yaml` to a `Recipe` (stone-spec 4)."""

import re
from dataclasses import replace
from types import MappingProxyType

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.patterns import compile_pattern
from serpent_infra.formats.recipe.document import Mapping, Node, Scalar, Sequence, read_document, shown
from serpent_infra.formats.recipe.fields import Fields
from serpent_infra.formats.recipe.model import (
    SCRIPT_KEYS,
    Build,
    Options,
    Package,
    PathKind,
    PathRule,
    Recipe,
    RecipeWarning,
    Toolchain,
    TuningChoice,
    WarningKind,
)
from serpent_infra.formats.recipe.plain_numbers import rewritten
from serpent_infra.formats.recipe.upstreams import read_upstreams

_NEVER_EMPTY = frozenset(
    {"builddeps", "checkdeps", "rundeps", "rundeps-exclude", "provides-exclude", "conflicts", "paths"}
)
_MAX_WARNINGS = 100
_MAX_RELEASE = 2**63 - 1  # what databases hold; the format itself has one more bit
# All three become part of file names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:@-]{0,127}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:@-]{0,127}")
_PACKAGE_NAME = re.compile(r"(?=[A-Za-z0-9%])(?:[A-Za-z0-9._+~:@-]|%\([A-Za-z0-9_]+\)){1,128}")


def parse_recipe(data: bytes, *, path: str = "") -> Recipe:
    """Reads a recipe; unknown keys and unquoted versions are among its warnings.

    Raises `FormatError` with line, column and what was expected.
    """
    warnings: list[RecipeWarning] = []
    document = read_document(data, path=path)
    fields = Fields(document, what="a recipe", path=path, warnings=warnings, never_empty=_NEVER_EMPTY)
    recipe = Recipe(
        name=fields.textual(
            _pattern(fields, "name", _NAME, "letters, digits and ._+~:@- from a letter or digit on")
        ).text,
        version=_version(fields),
        release=fields.integer("release", low=1, high=_MAX_RELEASE),
        homepage=fields.required_text("homepage"),
        licences=_licences(fields),
        root=read_package(fields),
        build=_read_build(fields),
        upstreams=read_upstreams(fields),
        packages=_read_packages(fields),
        profiles=_read_profiles(fields),
        architectures=fields.texts("architectures"),
        tuning=tuple(_read_tuning(fields, item) for item in fields.items("tuning")),
        options=_read_options(fields),
    )
    fields.finish()
    return replace(recipe, warnings=_bounded(warnings))


def _bounded(warnings: list[RecipeWarning]) -> tuple[RecipeWarning, ...]:
    """Sorts warnings by their place, and keeps the first of very many: they are stored and shown."""
    warnings.sort(key=lambda warning: (warning.line, warning.column))
    kept, dropped = warnings[:_MAX_WARNINGS], warnings[_MAX_WARNINGS:]
    if dropped:
        first = dropped[0]
        text = f"{len(dropped)} further warnings are left out"
        kept.append(RecipeWarning(text, first.line, first.column, WarningKind.LEFT_OUT))
    return tuple(kept)


def read_package(fields: Fields) -> Package:
    """Reads the keys of a package: of the recipe's root, of an item of `packages`, or of a template."""
    return Package(
        summary=fields.text("summary"),
        description=fields.text("description"),
        rundeps=_dependencies(fields, "rundeps"),
        rundeps_exclude=_patterns(fields, "rundeps-exclude"),
        provides_exclude=_patterns(fields, "provides-exclude"),
        paths=tuple(_read_path(fields, item) for item in fields.items("paths")),
        conflicts=_dependencies(fields, "conflicts"),
    )


def _pattern(fields: Fields, key: str, pattern: re.Pattern[str], expected: str) -> Scalar:
    scalar = fields.required(key)
    if not pattern.fullmatch(scalar.text):
        raise fields.error(scalar, f"{key!r} is {shown(scalar.text)}; expected {expected}")
    return scalar


def _version(fields: Fields) -> str:
    scalar = _pattern(fields, "version", _VERSION, "letters, digits and ._+~:@- from a digit on")
    version = scalar.text
    if scalar.is_plain and rewritten(version) != version:
        sentence = f'boulder would turn the version into {rewritten(version)}; put it in quotes: "{version}"'
        fields.warn(scalar, WarningKind.REWRITTEN_VERSION, sentence)
    if not (version[0].isascii() and version[0].isdigit()):
        fields.warn(scalar, WarningKind.ODD_VERSION, f"the version {version!r} does not begin with a digit")
    return version


def _licences(fields: Fields) -> tuple[str, ...]:
    value = fields.get("license")
    if isinstance(value, Sequence) and value.items:
        return fields.texts("license")
    return (fields.required_text("license"),)


def _read_build(fields: Fields) -> Build:
    scripts = {key: scalar for key in SCRIPT_KEYS if (scalar := fields.scalar(key)) is not None}
    for scalar in scripts.values():
        fields.textual(scalar)
    lines = {key: line for key, scalar in scripts.items() if (line := scalar.first_line) is not None}
    return Build(
        scripts=MappingProxyType({key: scalar.text for key, scalar in scripts.items()}),
        first_lines=MappingProxyType(lines),
        builddeps=_dependencies(fields, "builddeps"),
        checkdeps=_dependencies(fields, "checkdeps"),
    )


def _read_packages(fields: Fields) -> tuple[tuple[str, Package], ...]:
    packages = []
    for key, value in fields.pairs("packages"):
        if not _PACKAGE_NAME.fullmatch(key.text):
            expected = "letters, digits, ._+~:@- and %(definitions)"
            raise fields.error(key, f"the package's name is {shown(key.text)}; expected {expected}")
        if isinstance(value, Scalar) and value.is_null:
            packages.append((key.text, Package()))
            continue
        inner = Fields(value, what=f"the package {shown(key.text)}", path=fields.path, warnings=fields.warnings)
        packages.append((key.text, read_package(inner)))
        inner.finish()
    return tuple(packages)


def _read_profiles(fields: Fields) -> tuple[tuple[str, Build], ...]:
    profiles = []
    for key, value in fields.pairs("profiles"):
        inner = Fields(value, what=f"the profile {shown(key.text)}", path=fields.path, warnings=fields.warnings)
        profiles.append((key.text, _read_build(inner)))
        inner.finish()
    return tuple(profiles)


def _read_path(fields: Fields, item: Node) -> PathRule:
    if isinstance(item, Scalar):
        return PathRule(fields.textual(item).text)
    key, value = fields.pair(item, "paths")
    kind = fields.as_scalar(value, "a kind of path")
    try:
        return PathRule(key.text, PathKind(kind.text))
    except ValueError as error:
        raise fields.error(kind, f"{shown(kind.text)} is no kind; expected one of {', '.join(PathKind)}") from error


def _read_tuning(fields: Fields, item: Node) -> TuningChoice:
    if isinstance(item, Scalar):
        return TuningChoice(fields.textual(item).text, line=item.line)
    if not isinstance(item, Mapping):
        raise fields.error(
            item, "expected items of 'tuning' as `group`, `group: true`, `group: false` or `group: choice`"
        )
    key, value = fields.pair(item, "tuning")
    choice = fields.as_scalar(value, f"true, false or a choice for {shown(key.text)}")
    match choice.text:
        case "true":
            return TuningChoice(key.text, line=key.line)
        case "false":
            return TuningChoice(key.text, enabled=False, line=key.line)
        case _:
            return TuningChoice(key.text, choice=fields.textual(choice).text, line=key.line)


def _read_options(fields: Fields) -> Options:
    return Options(
        toolchain=fields.parsed("toolchain", Toolchain, "llvm or gnu", default=None),
        emul32=fields.boolean("emul32", default=False),
        mold=fields.boolean("mold", default=False),
        debug=fields.boolean("debug", default=True),
        strip=fields.boolean("strip", default=True),
        lastrip=fields.boolean("lastrip", default=True),
        networking=fields.boolean("networking", default=False),
        compressman=fields.boolean("compressman", default=False),
        cspgo=fields.boolean("cspgo", default=False),
        samplepgo=fields.boolean("samplepgo", default=False),
    )


def _dependencies(fields: Fields, key: str) -> tuple[str, ...]:
    """Reads dependency texts; one that is none is kept, as boulder does, and reported."""
    scalars = fields.scalars(key)
    for scalar in scalars:
        if "%(" in scalar.text:
            continue
        try:
            Capability.parse(scalar.text)
        except FormatError as error:
            fields.warn(scalar, WarningKind.NO_DEPENDENCY, f"in {key!r}: {error.reason}")
    return tuple(scalar.text for scalar in scalars)


def _patterns(fields: Fields, key: str) -> tuple[str, ...]:
    scalars = fields.scalars(key)
    for scalar in scalars:
        try:
            compile_pattern(scalar.text)
        except ValueError as error:
            raise fields.error(scalar, f"in {key!r}: expected a regular expression: {error}") from error
    return tuple(scalar.text for scalar in scalars)
