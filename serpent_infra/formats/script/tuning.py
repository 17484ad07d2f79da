"""From a recipe's tuning to compiler flags (stone-spec 4.5)."""

from collections.abc import Iterable

from serpent_infra.formats.recipe import Toolchain, TuningChoice
from serpent_infra.formats.recipe.document import shown
from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.macro_file import LANGUAGES, Flag, TuningGroup
from serpent_infra.formats.script.macros import Macros

ARCHITECTURE_GROUP = "architecture"
_MOLD = {"c": " -fuse-ld=mold", "cxx": " -fuse-ld=mold", "rust": " -Clink-arg=-fuse-ld=mold"}


def compiler_flags(
    macros: Macros,
    choices: Iterable[TuningChoice],
    *,
    toolchain: Toolchain,
    stage_groups: Iterable[str] = (),
    mold: bool = False,
) -> dict[str, str]:
    """Resolves tuning to one line of options a language (keys are `LANGUAGES`); the lines may hold macros.

    The architecture's group is on, then come the recipe's choices, the default groups that the recipe leaves alone,
    and `stage_groups` (those of profile-guided optimisation). Raises `ScriptError` for an unknown name.
    """
    switches = {ARCHITECTURE_GROUP: TuningChoice(ARCHITECTURE_GROUP)}
    switches.update({choice.group: choice for choice in choices})
    for group in macros.default_groups:
        switches.setdefault(group, TuningChoice(group))
    switches.update({group: TuningChoice(group) for group in stage_groups})
    flags = [_flag(macros, name) for choice in switches.values() for name in _flag_names(macros, choice)]
    lines = {language: _line(flags, language, toolchain) for language in LANGUAGES}
    if mold:
        lines.update({language: lines[language] + extra for language, extra in _MOLD.items()})
    return lines


def _flag_names(macros: Macros, choice: TuningChoice) -> tuple[str, ...]:
    group = macros.tuning.get(choice.group)
    if group is None:
        known = ", ".join(sorted(macros.tuning))
        reason = f"the tuning group {shown(choice.group)} is unknown; known are {known}"
        raise ScriptError(reason, line=choice.line, name=choice.group)
    if not choice.enabled:
        return group.disabled
    return _enabled(group, choice)


def _enabled(group: TuningGroup, choice: TuningChoice) -> tuple[str, ...]:
    option = choice.choice or group.default
    if option is None:
        return group.enabled
    if option not in group.options:
        known = ", ".join(group.options) or "none"
        reason = f"the tuning group {choice.group!r} has no choice {shown(option)}; its choices are: {known}"
        raise ScriptError(reason, line=choice.line, name=option)
    return group.options[option]


def _flag(macros: Macros, name: str) -> Flag:
    if name not in macros.flags:
        raise ScriptError(f"the compiler flag {name!r} is unknown")
    return macros.flags[name]


def _line(flags: Iterable[Flag], language: str, toolchain: Toolchain) -> str:
    values = {flag.value(language, toolchain).strip() for flag in flags}
    return " ".join(sorted((value for value in values if len(value) > 1), key=str.encode))
