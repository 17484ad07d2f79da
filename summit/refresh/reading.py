"""Reads one recipe out of a mirror: its `stone.yaml`, and the manifests beside it. Whatever is wrong stays with it."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.packaging import PackagingError
from serpent_infra.formats.packaging.table import package_names
from serpent_infra.formats.recipe import CONTROL_FILE, Archive, Recipe, load_recipe
from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.implied import Implied, implied_needs
from serpent_infra.git import GitError, Mirror, MirrorBroken, RecipeEntry
from summit.needs import Usage

RECIPE_LIMIT = 2**20  # bytes
ARCHITECTURES = ("x86_64", "aarch64")  # those with macro files, which may add templates of packages
_NUL = re.compile(rb"\\(?:0|x00|u0000|U00000000)")  # the escapes that make one; as a byte YAML forbids it
_MANIFEST = re.compile(r"manifest\.([a-z0-9_]{1,32})\.bin\Z")


@dataclass(frozen=True, slots=True)
class Provided:
    """Something that a package provides, for one architecture or ("") for all."""

    capability: Capability
    package: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Depended:
    """Something that is needed; `package` is "" but for run-time needs."""

    capability: Capability
    usage: Usage
    package: str
    architecture: str
    implied_by: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a recipe could not be read, and where in its file; lines and columns from 1."""

    sentence: str
    line: int | None = None
    column: int | None = None


@dataclass(slots=True)
class Reading:
    """What one recipe's directory says; without a `recipe` there is a `problem`.

    `claims` are packages that another repository makes already: the problem is then theirs.
    """

    entry: RecipeEntry
    recipe: Recipe | None = None
    problem: Problem | None = None
    provides: list[Provided] = field(default_factory=list)
    depends: list[Depended] = field(default_factory=list)
    manifests: list[str] = field(default_factory=list)
    package_names: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    warnings: list[dict[str, object]] = field(default_factory=list)


def read(mirror: Mirror, entry: RecipeEntry) -> Reading:
    """Reads a recipe in isolation: never raises for what is wrong with it, but `MirrorBroken` for what is with us."""
    reading = Reading(entry)
    try:
        reading.recipe = _parse(mirror, reading)
    except FormatError as error:
        reading.problem = (
            Problem(str(error))  # its lines are not those of the recipe
            if error.path.endswith(CONTROL_FILE)
            else Problem(error.reason, error.line, error.column)
        )
        return reading
    except MirrorBroken:
        raise
    except GitError as error:
        reading.problem = Problem(str(error))
        return reading
    recipe = reading.recipe
    reading.warnings.extend(
        {"text": warning.text, "line": warning.line, "column": warning.column} for warning in recipe.warnings
    )
    _read_package_names(reading, recipe)
    _read_text(reading, recipe)
    _read_manifests(reading, mirror, recipe)
    return reading


def upstreams_of(recipe: Recipe) -> list[dict[str, str]]:
    """Describes upstreams for a page: where from, and what pins them."""
    return [
        {"uri": upstream.uri, "kind": "archive", "hash": upstream.sha256}
        if isinstance(upstream, Archive)
        else {"uri": upstream.uri, "kind": "git", "ref": upstream.ref}
        for upstream in recipe.upstreams
    ]


def packages_of(recipe: Recipe) -> list[dict[str, str]]:
    """Lists the packages that a recipe names, its own first."""
    named = [{"name": recipe.name, "summary": recipe.summary}]
    for name, package in recipe.packages:
        named.append({"name": _expanded(name, recipe), "summary": package.summary or recipe.summary})
    return named


def _parse(mirror: Mirror, reading: Reading) -> Recipe:
    entry = reading.entry
    if entry.fault:
        raise FormatError(entry.fault)
    data = mirror.blob_data(entry.blob)
    if len(data) > RECIPE_LIMIT:
        raise FormatError(f"stone.yaml has {len(data):,} bytes; the limit is {RECIPE_LIMIT:,}")
    control = entry.files.get(CONTROL_FILE)
    loaded = load_recipe(
        data,
        None if control is None else mirror.blob_data(control),
        path=entry.path,
        control_path=f"{entry.directory}/{CONTROL_FILE}".lstrip("/"),
    )
    if _NUL.search(data) and _holds_nul(loaded.recipe):
        raise FormatError("it holds a NUL character, which no text here may")
    if loaded.control is not None:
        reading.warnings.extend(
            {"text": f"in {CONTROL_FILE}, line {warning.line}: {warning.text}", "line": None, "column": None}
            for warning in loaded.control.warnings
        )
    return loaded.recipe


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if is_dataclass(value):
        return any(_holds_nul(getattr(value, one.name)) for one in fields(value))
    if isinstance(value, Mapping):
        return any(map(_holds_nul, (*value.keys(), *value.values())))
    return isinstance(value, tuple) and any(map(_holds_nul, value))


def _read_package_names(reading: Reading, recipe: Recipe) -> None:
    """Takes every name that a build may give a package, on any architecture: nothing else of it is published."""
    names: set[str] = set()
    problem = ""
    for architecture in ARCHITECTURES:
        try:
            names |= package_names(recipe, architecture)
        except (PackagingError, ScriptError) as error:
            problem = str(error)  # a recipe for 32-bit x86 has no table on other architectures
    if not names:
        reading.warnings.append({"text": f"the names of its packages: {problem}", "line": None, "column": None})
    reading.package_names = sorted(names)


def _read_text(reading: Reading, recipe: Recipe) -> None:
    """Takes from the recipe itself the names of its packages and what building and checking it needs."""
    reading.provides.extend(
        Provided(Capability.name(package["name"]), package["name"], "") for package in packages_of(recipe)
    )
    levels = (recipe.build, *(build for _, build in recipe.profiles))
    needs: dict[tuple[Capability, Usage], None] = {}
    for level in levels:
        needs |= dict.fromkeys((found, Usage.BUILD) for found in _capabilities(reading, level.builddeps))
        needs |= dict.fromkeys((found, Usage.CHECK) for found in _capabilities(reading, level.checkdeps))
    reading.depends.extend(Depended(capability, usage, "", "") for capability, usage in needs)
    _read_implied(reading, recipe, named={capability for capability, _ in needs})


def _read_implied(reading: Reading, recipe: Recipe, *, named: Collection[Capability]) -> None:
    """Takes what macros, toolchain, upstreams and build root need; where it is the same everywhere, once."""
    by_architecture = {architecture: _implied(recipe, architecture) for architecture in ARCHITECTURES}
    first = by_architecture[ARCHITECTURES[0]]
    if all(needs == first for needs in by_architecture.values()):
        by_architecture = {"": first}
    for architecture, needs in by_architecture.items():
        for need in needs:
            capability = _known_capability(need.text)
            if capability not in named:
                reading.depends.append(Depended(capability, Usage.IMPLIED, "", architecture, need.by))


@cache
def _known_capability(text: str) -> Capability:
    """Reads what our own macro files name: a few dozen texts, over and over."""
    return Capability.parse(text)


def _implied(recipe: Recipe, architecture: str) -> tuple[Implied, ...]:
    try:
        return implied_needs(recipe, architecture)
    except ScriptError:  # a recipe for 32-bit x86 has no macros on other architectures
        return ()


def _capabilities(reading: Reading, texts: Iterable[str]) -> list[Capability]:
    found = []
    for text in texts:
        try:
            found.append(Capability.parse(text))
        except FormatError as error:
            reading.warnings.append({"text": error.reason, "line": None, "column": None})
    return found


def _read_manifests(reading: Reading, mirror: Mirror, recipe: Recipe) -> None:
    for architecture, blob in _manifest_blobs(reading.entry.files):
        try:
            packages = decode_manifest(mirror.blob_data(blob), strict=False)
        except MirrorBroken:
            raise
        except (FormatError, GitError) as error:
            text = f"manifest.{architecture}.bin cannot be read: {error}"
            reading.warnings.append({"text": text, "line": None, "column": None})
            continue
        reading.manifests.append(architecture)
        for package in packages:
            reading.provides.extend(
                Provided(capability, package.name, architecture) for capability in sorted(package.providers)
            )
            reading.depends.extend(
                Depended(capability, Usage.RUN, package.name, architecture) for capability in sorted(package.depends)
            )
    if not reading.manifests:
        for name, named in ((recipe.name, recipe.root), *recipe.packages):
            expanded = (_expanded(text, recipe) for text in named.rundeps)
            reading.depends.extend(
                Depended(capability, Usage.RUN, _expanded(name, recipe), "")
                for capability in _capabilities(reading, expanded)
            )


def _manifest_blobs(files: Mapping[str, str]) -> list[tuple[str, str]]:
    found = []
    for name, blob in sorted(files.items()):
        match = _MANIFEST.match(name)
        if match:
            found.append((match[1], blob))
    return found


def _expanded(text: str, recipe: Recipe) -> str:
    """Puts in the three definitions that package names and their dependencies may use."""
    return (
        text.replace("%(name)", recipe.name)
        .replace("%(version)", recipe.version)
        .replace("%(release)", str(recipe.release))
    )
