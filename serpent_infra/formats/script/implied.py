"""What a recipe needs without saying so: by the macros of its scripts, its toolchain, its upstreams, and any root.

Read off the text, without expanding it (stone-spec 4.4, 4.6). Two cases of the list are left out because they change
no build: the programs for a person who looks at a breakpoint (editors, pagers), and the compiler caches.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from serpent_infra.formats.recipe import Archive, Recipe, Toolchain
from serpent_infra.formats.recipe.model import last_segment
from serpent_infra.formats.script.expansion import TOKEN
from serpent_infra.formats.script.macros import Macros, load_macros
from serpent_infra.formats.script.targets import Target, build_targets, has_workload, scripts_of

EVERY_ROOT = "every build root"
_ALWAYS = (
    *("bash", "boulder", "coreutils", "dash", "diffutils", "findutils", "gawk", "glibc-devel", "grep", "layout"),
    *("libarchive", "linux-headers", "os-info", "pkgconf", "sed", "util-linux"),
)
_COMPILERS = {
    Toolchain.LLVM: ("clang",),
    Toolchain.GNU: ("binary(ld.bfd)", "binary(gcc)", "binary(g++)"),
}
_COMPILERS_32BIT = {
    Toolchain.LLVM: ("glibc-32bit-devel", "clang-32bit"),
    Toolchain.GNU: ("glibc-32bit-devel", "gcc-32bit", "libstdc++-32bit-devel"),
}
_UNPACKERS = {
    **dict.fromkeys(("xz", "zst", "bz2", "gz", "lz", "tgz", "7z", "zip"), ("binary(bsdtar-static)",)),
    "rpm": ("binary(rpm2cpio)", "cpio"),
    "deb": ("binary(ar)",),
}
_SCRIPT_BASE = "scriptBase"
_MERGES = ("llvm_merge_s1", "llvm_merge_s2")


@dataclass(frozen=True, slots=True)
class Implied:
    """A dependency as text, and what implied it: `%meson`, `the llvm toolchain`, `every build root`."""

    text: str
    by: str


def implied_needs(recipe: Recipe, architecture: str) -> tuple[Implied, ...]:
    """Lists what building a recipe for an architecture needs beyond what it names, each dependency once.

    Macros come first, so that a need which several imply is said to come from the nearest. A macro that does not exist
    implies nothing: whoever expands the script says so. Empty where the recipe is not for the architecture; raises
    `ScriptError` where there are no macros for a target of it.
    """
    found: dict[str, str] = {}
    toolchain = recipe.options.toolchain or Toolchain.LLVM  # the format's default, whatever a base image has
    targets = build_targets(recipe, architecture)
    for target in targets:
        for text, by in _of_macros(recipe, target, toolchain):
            found.setdefault(text, by)
    if not targets:
        return ()
    named = set(recipe.build_depends)
    for by, texts in _of_options(recipe, targets, toolchain):
        for text in texts:
            found.setdefault(text, by)
    return tuple(Implied(text, by) for text, by in found.items() if text not in named)


def _of_options(
    recipe: Recipe, targets: tuple[Target, ...], toolchain: Toolchain
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for upstream in recipe.upstreams:
        if isinstance(upstream, Archive):
            for name in (last_segment(upstream.uri), upstream.rename or ""):  # boulder looks at both
                _, dot, suffix = name.lower().rpartition(".")
                yield f"a .{suffix} upstream", _UNPACKERS.get(suffix, ()) if dot else ()
    yield f"the {toolchain} toolchain", _COMPILERS[toolchain]
    if any(target.is_emul32 for target in targets):
        yield "its 32-bit build", _COMPILERS_32BIT[toolchain]
    if recipe.options.mold:
        yield "mold", ("binary(mold)",)
    yield EVERY_ROOT, _ALWAYS


def _of_macros(recipe: Recipe, target: Target, toolchain: Toolchain) -> Iterator[tuple[str, str]]:
    """Gives each dependency of the macros that a target's scripts use, with the macro that has it."""
    scripts = scripts_of(recipe, target)
    has_profile = has_workload(recipe, target)
    names = [_SCRIPT_BASE]
    for key, text in scripts.items():
        if key != "workload" or has_profile:
            names += [*_actions_in(text), *_actions_of_definitions(text, load_macros(target))]
    if has_profile and toolchain is Toolchain.LLVM:
        names += _MERGES[: 2 if recipe.options.cspgo else 1]
    reached = _reach(target)
    for name in dict.fromkeys(names):
        yield from reached.get(name, {}).items()


def _actions_in(text: str) -> list[str]:
    return [token["action"] for token in TOKEN.finditer(text) if token["action"]]


@cache
def _reach(target: Target) -> Mapping[str, Mapping[str, str]]:
    """Maps every macro of a target to the dependencies of all that it uses, itself first."""
    macros = load_macros(target)
    return {name: dict(_walk(name, macros)) for name in macros.actions}


def _walk(name: str, macros: Macros) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    waiting = [name]
    found: dict[str, str] = {}
    while waiting:
        current = waiting.pop()
        action = macros.actions.get(current)
        if action is None or current in seen:
            continue
        seen.add(current)
        for text in action.dependencies:
            found.setdefault(text, f"%{current}")
        waiting.extend(_actions_in(action.command))
        waiting.extend(_actions_of_definitions(action.command, macros))
    yield from found.items()


def _actions_of_definitions(text: str, macros: Macros) -> Iterator[str]:
    """Follows `%(name)` into definitions, which may use macros themselves."""
    seen: set[str] = set()
    waiting = [token["value"] for token in TOKEN.finditer(text) if token["value"]]
    while waiting:
        name = waiting.pop()
        if name not in seen and name in macros.definitions:
            seen.add(name)
            yield from _actions_in(macros.definitions[name])
            waiting += [token["value"] for token in TOKEN.finditer(macros.definitions[name]) if token["value"]]
