"""Macros and build scripts: `plan_build` turns a recipe into the scripts of its phases."""

from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.layout import GuestPaths, HostFacts
from serpent_infra.formats.script.plan import BuildPlan, PgoStage, Phase, PhaseScript, plan_build
from serpent_infra.formats.script.targets import Target, build_targets

__all__ = [
    "BuildPlan",
    "GuestPaths",
    "HostFacts",
    "PgoStage",
    "Phase",
    "PhaseScript",
    "ScriptError",
    "Target",
    "build_targets",
    "plan_build",
]
