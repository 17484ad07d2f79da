"""Recipes: `parse_recipe` reads a `stone.yaml`, the model says what it holds."""

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
    "Archive",
    "Build",
    "Git",
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
    "parse_recipe",
]
