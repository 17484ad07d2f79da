"""Every phase of the distribution's whole tree."""

from collections import Counter
from pathlib import Path

import pytest

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.recipe import Recipe, Toolchain, parse_recipe
from serpent_infra.formats.recipe.model import SCRIPT_KEYS
from serpent_infra.formats.script import HostFacts, Phase, Target, plan_build
from serpent_infra.formats.script.expansion import Names, expand
from serpent_infra.formats.script.macros import load_macros
from serpent_infra.formats.script.tuning import compiler_flags
from serpent_infra.formats.script.variables import builtins

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def recipes(recipe_tree: Path) -> list[Recipe]:
    return [parse_recipe(path.read_bytes()) for path in sorted(recipe_tree.rglob("stone.yaml"))]


def test_the_tree_has_as_many_phase_scripts_as_were_counted(recipes: list[Recipe]) -> None:
    phases = [key for recipe in recipes for key in recipe.build.scripts if key != "environment"]
    assert set(phases) < set(SCRIPT_KEYS)
    assert len(phases) == 5009


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_each_of_the_5009_scripts_expands(recipes: list[Recipe], architecture: str) -> None:
    target = Target(architecture)
    macros, host = load_macros(target), HostFacts(architecture=architecture, jobs=2, source_date_epoch=0)
    expanded: Counter[str] = Counter()
    for recipe in recipes:
        flags = compiler_flags(macros, recipe.tuning, toolchain=Toolchain.LLVM)
        values = builtins(recipe, host, target, toolchain=Toolchain.LLVM, work_dir="/w", pgo_stage="NONE", flags=flags)
        names = Names(actions=macros.actions, definitions=macros.definitions, builtins=values)
        for key, text in recipe.build.scripts.items():
            assert bool(expand(text, names).text.strip()) == bool(text.strip())
            expanded[key] += 1
    assert expanded == {"setup": 1451, "build": 1632, "install": 1735, "check": 183, "workload": 8, "environment": 174}
    assert expanded.total() - expanded["environment"] == 5009


@pytest.mark.parametrize("toolchain", list(Toolchain))
def test_every_recipe_has_a_plan_with_either_toolchain(recipes: list[Recipe], toolchain: Toolchain) -> None:
    host = HostFacts(architecture="x86_64", jobs=2, source_date_epoch=0, default_toolchain=toolchain)
    plans = [plan_build(recipe, host) for recipe in recipes]
    phases = Counter(script.phase for plan in plans for script in plan.scripts)
    assert len(plans) == 1737
    assert phases[Phase.INSTALL] == 1812  # the 1735, and those of 32-bit builds and profiles


@pytest.mark.parametrize("target", [Target("x86_64"), Target("aarch64"), Target("x86_64", is_emul32=True)], ids=str)
@pytest.mark.parametrize("toolchain", list(Toolchain))
def test_the_tuning_of_all_1737_recipes_resolves(recipes: list[Recipe], target: Target, toolchain: Toolchain) -> None:
    macros = load_macros(target)
    lines = [
        compiler_flags(macros, one.tuning, toolchain=toolchain, mold=one.options.mold)["c"].split() for one in recipes
    ]
    untuned = {tuple(line) for one, line in zip(recipes, lines, strict=True) if not one.tuning and not one.options.mold}
    assert len(lines) == 1737
    assert sum(bool(one.tuning) for one in recipes) == 220
    assert len(untuned) == 1
    assert len({tuple(line) for line in lines}) > 5


def test_whatever_our_macros_need_is_in_the_tree(recipe_tree: Path) -> None:
    manifests = recipe_tree.rglob("manifest.x86_64.bin")
    provided = {capability for path in manifests for meta in decode_manifest(path) for capability in meta.providers}
    actions = load_macros(Target("x86_64")).actions
    needed = {text for action in actions.values() for text in action.dependencies}
    assert len(needed) > 20
    assert sorted(text for text in needed if Capability.parse(text) not in provided) == []
