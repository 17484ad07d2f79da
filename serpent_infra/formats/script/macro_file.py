"""One macro file: actions, definitions, compiler flags, tuning groups and package templates (stone-spec 4.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from serpent_infra.formats.recipe import Package, RecipeWarning, Toolchain
from serpent_infra.formats.recipe.document import Scalar, read_document
from serpent_infra.formats.recipe.fields import Fields
from serpent_infra.formats.recipe.parse import read_package

T = TypeVar("T")
LANGUAGES = ("c", "cxx", "f", "d", "rust", "vala", "go", "ld")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What `%name` stands for, and what must be installed for it."""

    command: str
    description: str
    example: str | None = None
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What a named flag adds to each language's options: for any toolchain, and where one differs."""

    values: Mapping[str, str]
    by_toolchain: Mapping[Toolchain, Mapping[str, str]]

    def value(self, language: str, toolchain: Toolchain) -> str:
        """The options for a language, "" for none."""
        own = self.by_toolchain.get(toolchain, {})
        return own[language] if language in own else self.values.get(language, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningGroup:
    """Flags that are switched together: while on, while off, and by choice."""

    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]]
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroFile:
    """The contents of one macro file, in its order."""

    actions: Mapping[str, Action]
    definitions: Mapping[str, str]
    flags: Mapping[str, Flag]
    tuning: Mapping[str, TuningGroup]
    packages: tuple[tuple[str, Package], ...]
    default_groups: tuple[str, ...]


def parse_macro_file(data: bytes, *, path: str = "") -> tuple[MacroFile, tuple[RecipeWarning, ...]]:
    """Reads a macro file; the second value is what was odd in it. Raises `FormatError` with the place."""
    warnings: list[RecipeWarning] = []
    fields = Fields(read_document(data, path=path), what="a macro file", path=path, warnings=warnings)
    contents = MacroFile(
        actions={name: _read_action(inner) for name, inner in _children(fields, "actions")},
        definitions={
            key.text: fields.as_scalar(value, f"text for {key.text!r}").text.strip()
            for key, value in fields.pairs("definitions")
        },
        flags={name: _read_flag(inner) for name, inner in _children(fields, "flags")},
        tuning={name: _read_group(inner) for name, inner in _children(fields, "tuning")},
        packages=tuple((name, _finished(inner, read_package(inner))) for name, inner in _children(fields, "packages")),
        default_groups=fields.texts("defaultTuningGroups"),
    )
    fields.finish()
    return contents, tuple(warnings)


def _children(fields: Fields, key: str) -> list[tuple[str, Fields]]:
    return [
        (name.text, Fields(value, what=f"{name.text!r} of {key}", path=fields.path, warnings=fields.warnings))
        for name, value in fields.pairs(key)
    ]


def _finished(fields: Fields, value: T) -> T:
    fields.finish()
    return value


def _read_action(fields: Fields) -> Action:
    action = Action(
        command=fields.required("command").text.strip(),
        description=fields.required("description").text.strip(),
        example=fields.text("example"),
        dependencies=fields.texts("dependencies"),
    )
    return _finished(fields, action)


def _read_flag(fields: Fields) -> Flag:
    by_toolchain = {}
    for toolchain in Toolchain:
        if (node := fields.get(toolchain)) is not None:
            inner = Fields(node, what=f"{toolchain} of a flag", path=fields.path, warnings=fields.warnings)
            by_toolchain[toolchain] = _finished(inner, _read_values(inner))
    return _finished(fields, Flag(values=_read_values(fields), by_toolchain=by_toolchain))


def _read_values(fields: Fields) -> dict[str, str]:
    return {language: value for language in LANGUAGES if (value := fields.text(language)) is not None}


def _read_group(fields: Fields) -> TuningGroup:
    options = {}
    for name, inner in _children(fields, "options"):
        options[name] = _finished(inner, _one_or_many(inner, "enabled"))
    group = TuningGroup(
        enabled=_one_or_many(fields, "enabled"),
        disabled=_one_or_many(fields, "disabled"),
        options=options,
        default=fields.text("default"),
    )
    return _finished(fields, group)


def _one_or_many(fields: Fields, key: str) -> tuple[str, ...]:
    value = fields.get(key)
    return (value.text,) if isinstance(value, Scalar) else fields.texts(key)
