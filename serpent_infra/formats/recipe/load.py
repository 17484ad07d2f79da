"""A recipe as it counts in a directory: `stone.yaml`, edited by the `control.kdl` beside it where there is one."""

from dataclasses import dataclass

from serpent_infra.formats.recipe.control import Control, apply_control
from serpent_infra.formats.recipe.control_file import parse_control
from serpent_infra.formats.recipe.model import Recipe
from serpent_infra.formats.recipe.parse import parse_recipe


@dataclass(frozen=True, slots=True)
class LoadedRecipe:
    """The recipe that counts, and the file that edited it, whose warnings are its own."""

    recipe: Recipe
    control: Control | None = None


def load_recipe(data: bytes, control: bytes | None, *, path: str = "", control_path: str = "") -> LoadedRecipe:
    """Reads both files' contents. Raises `FormatError` with the path of the one that is wrong."""
    recipe = parse_recipe(data, path=path)
    if control is None:
        return LoadedRecipe(recipe)
    edits = parse_control(control, path=control_path)
    return LoadedRecipe(apply_control(recipe, edits), edits)
