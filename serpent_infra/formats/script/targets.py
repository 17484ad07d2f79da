"""What a recipe is built for, and which of its scripts count there (stone-spec 4.4)."""

from collections.abc import Mapping
from dataclasses import dataclass

from serpent_infra.formats.recipe import Build, Recipe

EMUL32 = "emul32"
NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Target:
    """One pass over the phases: the host's own architecture, or its 32-bit companion.

    `isa_level` is what the native pass is built for, "" for the architecture's baseline.
    """

    architecture: str
    is_emul32: bool = False
    isa_level: str = ""

    def __str__(self) -> str:
        """The form of recipes and paths: `x86_64`, `emul32/x86_64`."""
        return f"{EMUL32}/{self.architecture}" if self.is_emul32 else self.architecture


def build_targets(recipe: Recipe, architecture: str, isa_level: str = "") -> tuple[Target, ...]:
    """Lists the passes of a recipe on a host in the order they are made: 32-bit first, so that native files win.

    Empty when the recipe names architectures and none of them is the host's. A level is named among them as well:
    `architectures: [native, x86_64-v3x]`.
    """
    emul32, native = Target(architecture, is_emul32=True), Target(architecture, isa_level=isa_level)
    if not recipe.architectures:
        return (emul32, native) if recipe.options.emul32 else (native,)
    named = set(recipe.architectures)
    targets = []
    if named & {EMUL32, str(emul32)}:
        targets.append(emul32)
    if named & {NATIVE, architecture, isa_level}:
        targets.append(native)
    return tuple(targets)


def profile_of(recipe: Recipe, target: Target) -> Build | None:
    """Finds the profile for a target: by its full name, else `emul32` for a 32-bit one, else none."""
    profiles = dict(recipe.profiles)
    if str(target) in profiles:
        return profiles[str(target)]
    return profiles.get(EMUL32) if target.is_emul32 else None


def scripts_of(recipe: Recipe, target: Target) -> Mapping[str, str]:
    """Gives the scripts by key that count for a target: the profile's where it has one, else the root's."""
    profile = profile_of(recipe, target)
    return {**recipe.build.scripts, **(profile.scripts if profile else {})}


def first_lines_of(recipe: Recipe, target: Target) -> Mapping[str, int]:
    """Gives the recipe's line with the first line of each of these scripts, where its lines are the file's."""
    profile = profile_of(recipe, target)
    if profile is None:
        return recipe.build.first_lines
    own = {key: line for key, line in recipe.build.first_lines.items() if key not in profile.scripts}
    return {**own, **profile.first_lines}


def has_workload(recipe: Recipe, target: Target) -> bool:
    """Says whether the target is built with profile-guided optimisation."""
    return "workload" in (profile_of(recipe, target) or recipe.build).scripts
