"""Recipes: `parse_recipe` reads a `stone.yaml`, `load_recipe` applies the `control.kdl` beside it too."""

from serpent_infra.formats.recipe.control import FILE_NAME as CONTROL_FILE
from serpent_infra.formats.recipe.load import LoadedRecipe, load_recipe
from serpent_infra.formats.recipe.model import (
    Archive,
    Build,
    Git,
    Options,
    Package,
    PathKind,
    PathRule,
    Recipe,
    RecipeWarning,
    Toolchain,
    TuningChoice,
    Upstream,
    WarningKind,
)
from serpent_infra.formats.recipe.parse import parse_recipe

__all__ = [
    "CONTROL_FILE",
    "Archive",
    "Build",
    "Git",
    "LoadedRecipe",
    "Options",
    "Package",
    "PathKind",
    "PathRule",
    "Recipe",
    "RecipeWarning",
    "Toolchain",
    "TuningChoice",
    "Upstream",
    "WarningKind",
    "load_recipe",
    "parse_recipe",
]
