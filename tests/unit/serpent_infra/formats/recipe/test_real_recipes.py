"""The distribution's whole tree of recipes."""

from pathlib import Path

import pytest

from serpent_infra.formats.recipe import Recipe, parse_recipe

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def recipes(recipe_tree: Path) -> dict[str, Recipe]:
    paths = sorted(recipe_tree.rglob("stone.yaml"))
    return {path.parent.name: parse_recipe(path.read_bytes(), path=str(path)) for path in paths}


def test_none_is_refused(recipes: dict[str, Recipe]) -> None:
    assert len(recipes) == 1737


def test_unknown_keys_and_odd_versions_are_all_that_is_warned_of(recipes: dict[str, Recipe]) -> None:
    warnings = [(name, warning.text) for name, recipe in recipes.items() for warning in recipe.warnings]
    assert len(warnings) == 25
    assert all("means nothing" in text or "does not begin with a digit" in text for _, text in warnings)


def test_a_version_that_looks_like_a_number_keeps_its_zero(recipes: dict[str, Recipe]) -> None:
    assert recipes["yelp-xsl"].version == "49.0"
