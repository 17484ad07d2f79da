"""Every phase of the distribution's whole tree."""

from collections import Counter
from pathlib import Path

import pytest

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.recipe import Recipe, Toolchain, parse_recipe
from serpent_infra.formats.recipe.model import SCRIPT_KEYS
from serpent_infra.formats.script import HostFacts, Phase, Target, plan_build
from serpent_infra.formats.script.macros import load_macros

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def recipes(recipe_tree: Path) -> list[Recipe]:
    return [parse_recipe(path.read_bytes()) for path in sorted(recipe_tree.rglob("stone.yaml"))]


def test_the_tree_has_as_many_phase_scripts_as_were_counted(recipes: list[Recipe]) -> None:
    phases = [key for recipe in recipes for key in recipe.build.scripts if key != "environment"]
    assert set(phases) < set(SCRIPT_KEYS)
    assert len(phases) == 5009


@pytest.mark.parametrize("toolchain", list(Toolchain))
def test_all_scripts_expand_and_all_tuning_resolves(recipes: list[Recipe], toolchain: Toolchain) -> None:
    host = HostFacts(architecture="x86_64", jobs=2, source_date_epoch=0, default_toolchain=toolchain)
    phases = Counter(script.phase for recipe in recipes for script in plan_build(recipe, host).scripts)
    assert phases[Phase.INSTALL] > 1735
    assert phases[Phase.SETUP] > 1451


def test_whatever_our_macros_need_is_in_the_tree(recipe_tree: Path) -> None:
    manifests = recipe_tree.rglob("manifest.x86_64.bin")
    provided = {capability for path in manifests for meta in decode_manifest(path) for capability in meta.providers}
    actions = load_macros(Target("x86_64")).actions
    needed = {text for action in actions.values() for text in action.dependencies}
    assert len(needed) > 20
    assert sorted(text for text in needed if Capability.parse(text) not in provided) == []
