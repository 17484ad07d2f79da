"""The macros that hold for a target: the base's, its architecture's, its level's, then the actions'; later ones win."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe import Package
from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.macro_file import Action, Flag, MacroFile, TuningGroup, parse_macro_file
from serpent_infra.formats.script.targets import Target

MACROS_DIR = Path(__file__).parent / "macros"
_OWN_FILES_ARE_CLEAN = "our own macro files have no unknown keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Macros:
    """Everything that scripts and packages of one target may name."""

    actions: Mapping[str, Action]
    definitions: Mapping[str, str]
    flags: Mapping[str, Flag]
    tuning: Mapping[str, TuningGroup]
    default_groups: tuple[str, ...]


@cache
def load_macros(target: Target) -> Macros:
    """Merges the macro files for a target. Raises `ScriptError` for an architecture or a level that has none."""
    base = [_load(path) for path in _base_files()]
    own = _load_architecture(target)
    level = [_load_level(target)] if target.isa_level else []
    files = [*base, own, *level, *(_load(path) for path in sorted(MACROS_DIR.glob("actions/*.yaml")))]
    return Macros(
        actions={name: action for file in files for name, action in file.actions.items()},
        definitions={name: text for file in files for name, text in file.definitions.items()},
        flags={name: flag for file in files for name, flag in file.flags.items()},
        tuning={name: group for file in files for name, group in file.tuning.items()},
        default_groups=own.default_groups or tuple(group for file in base for group in file.default_groups),
    )


@cache
def package_templates(targets: tuple[Target, ...]) -> tuple[tuple[str, Package], ...]:
    """Lists the packages that every recipe has: the base's, then those of each target's own file."""
    files = [*(_load(path) for path in _base_files()), *(_load_architecture(target) for target in targets)]
    return tuple(package for file in files for package in file.packages)


def _base_files() -> Iterator[Path]:
    yield MACROS_DIR / "arch" / "base.yaml"
    yield from sorted(MACROS_DIR.glob("arch/base/*.yaml"))


def _load_architecture(target: Target) -> MacroFile:
    path = MACROS_DIR / "arch" / f"{target}.yaml"
    if not path.is_file():
        raise ScriptError(f"there are no macros for {target}")
    return _load(path)


def isa_levels(architecture: str) -> tuple[str, ...]:
    """Lists the levels of an architecture that can be built for, above its baseline, which has no name here."""
    return tuple(sorted(path.stem for path in MACROS_DIR.glob(f"levels/{architecture}-*.yaml")))


def _load_level(target: Target) -> MacroFile:
    levels = isa_levels(target.architecture)
    if target.isa_level not in levels:
        known = f"; there are {', '.join(levels)}" if levels else ""
        raise ScriptError(f"there are no macros for level {target.isa_level} of {target.architecture}{known}")
    return _load(MACROS_DIR / "levels" / f"{target.isa_level}.yaml")


@cache
def _load(path: Path) -> MacroFile:
    contents, warnings = parse_macro_file(path.read_bytes(), path=str(path.relative_to(MACROS_DIR)))
    if warnings:
        first = warnings[0]
        raise FormatError(f"{first.text}; {_OWN_FILES_ARE_CLEAN}", path=path.name, line=first.line)
    return contents
