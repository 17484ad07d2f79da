"""The distribution's whole tree of recipes."""

from collections import Counter
from pathlib import Path

import pytest

from serpent_infra.formats.recipe import Recipe, WarningKind, parse_recipe

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def recipes(recipe_tree: Path) -> dict[str, Recipe]:
    paths = sorted(recipe_tree.rglob("stone.yaml"))
    return {path.parent.name: parse_recipe(path.read_bytes(), path=str(path)) for path in paths}


def test_none_is_refused(recipes: dict[str, Recipe]) -> None:
    assert len(recipes) == 1737


def test_the_known_typos_and_odd_versions_are_all_that_is_warned_of(recipes: dict[str, Recipe]) -> None:
    keys: Counter[str] = Counter()
    odd_versions: list[str] = []
    for name, recipe in recipes.items():
        for warning in recipe.warnings:
            if warning.kind is WarningKind.UNKNOWN_KEY:
                keys[warning.text.split("'")[1]] += 1
            else:
                assert warning.kind is WarningKind.ODD_VERSION, f"{name}: {warning}"
                odd_versions.append(name)
    assert keys == {"tune": 6, "dependencies": 1, "test": 1, "extract": 1, "staging": 3, "license": 8, "homepage": 1}
    gamescope = ["gamescope-session", "gamescope-session-opengamepadui", "gamescope-session-steam-plus"]
    assert sorted(odd_versions) == ["device-quirks", *gamescope]


def test_warnings_point_at_the_key_itself(recipe_tree: Path, recipes: dict[str, Recipe]) -> None:
    pointed = 0
    for path in recipe_tree.rglob("stone.yaml"):
        lines = path.read_text().splitlines()
        for warning in recipes[path.parent.name].warnings:
            if warning.kind is WarningKind.UNKNOWN_KEY:
                key = warning.text.split("'")[1]
                assert lines[warning.line - 1][warning.column - 1 :].startswith(key)
                pointed += 1
    assert pointed == 21


def test_every_script_says_where_it_stands(recipe_tree: Path, recipes: dict[str, Recipe]) -> None:
    compared = 0
    for path in recipe_tree.rglob("stone.yaml"):
        lines, build = path.read_text().split("\n"), recipes[path.parent.name].build
        for key, first in build.first_lines.items():
            script = build.scripts[key].rstrip("\n").split("\n")
            assert [line.strip() for line in lines[first - 1 : first - 1 + len(script)]] == [
                line.strip() for line in script
            ] or lines[first - 1].lstrip().startswith(key), f"{path}: {key}"
            compared += 1
    assert compared > 5000


def test_a_version_that_looks_like_a_number_keeps_its_zero(recipes: dict[str, Recipe]) -> None:
    assert recipes["yelp-xsl"].version == "49.0"
