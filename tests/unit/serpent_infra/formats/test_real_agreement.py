"""Recipes and the manifests that their builds left say the same, as far as one follows from the other."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from serpent_infra.formats.manifest import build_dependencies, decode_manifest
from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.formats.recipe.document import Mapping, Node, Scalar, Sequence, read_document

pytestmark = pytest.mark.real_data


def plain(node: Node) -> object:
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.text: plain(value) for key, value in node.entries}


def test_the_tree_of_text_is_the_one_that_libyamls_own_loader_builds(recipe_tree: Path) -> None:
    compared = 0
    for path in recipe_tree.rglob("stone.yaml"):
        data = path.read_bytes()
        assert plain(read_document(data)) == yaml.load(data, yaml.CBaseLoader), path  # noqa: S506 (it makes text alone)
        compared += 1
    assert compared == 1737


def test_manifests_repeat_what_their_recipes_say(recipe_tree: Path) -> None:
    agreed: Counter[str] = Counter()
    edited: set[str] = set()
    for path in recipe_tree.rglob("manifest.*.bin"):
        recipe = parse_recipe(path.with_name("stone.yaml").read_bytes())
        needs = build_dependencies(recipe.manifest_build_depends)
        for meta in decode_manifest(path):
            agreed["packages"] += 1
            agreed["name"] += meta.source_id == recipe.name
            agreed["version"] += meta.version == recipe.version
            agreed["release"] += (meta.release, meta.build_release) == (recipe.release, 0)
            agreed["homepage"] += meta.homepage == recipe.homepage
            agreed["licences"] += meta.licenses == tuple(sorted(recipe.licences))
            agreed["build dependencies"] += meta.build_depends == needs
            if meta.build_depends != needs:
                edited.add(recipe.name)
    everywhere = ("packages", "name", "version", "release", "homepage", "licences")
    # Two recipes were edited after their build.
    assert agreed == {**dict.fromkeys(everywhere, 3993), "build dependencies": 3990}
    assert len(edited) == 2
