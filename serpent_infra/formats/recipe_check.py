"""Everything that can be said about a recipe without building it: what refuses it, and what is odd about it.

Beyond reading, its scripts are expanded, its tuning resolved and its packages named, as a build would begin.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.packaging import PackagingError
from serpent_infra.formats.packaging.table import package_table
from serpent_infra.formats.recipe import Recipe, RecipeWarning, load_recipe
from serpent_infra.formats.script import HostFacts, ScriptError, build_targets, plan_build

ARCHITECTURE = "x86_64"


@dataclass(frozen=True, slots=True)
class FoundWarning:
    """A warning and the file that it is about."""

    path: str
    warning: RecipeWarning

    def __str__(self) -> str:
        return f"{self.path}:{self.warning}" if self.path else str(self.warning)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeCheck:
    """What was found: with `errors` the recipe is refused; without a `recipe` it could not even be read."""

    path: str
    recipe: Recipe | None = None
    errors: tuple[FormatError, ...] = ()
    warnings: tuple[FoundWarning, ...] = ()


def check_recipe(
    data: bytes,
    control: bytes | None = None,
    *,
    path: str = "",
    control_path: str = "",
    architecture: str = ARCHITECTURE,
) -> RecipeCheck:
    """Checks the contents of a `stone.yaml` and of the `control.kdl` beside it, where there is one.

    Scripts, tuning and packages are checked as for `architecture`, and left alone where the recipe is not for it.
    """
    try:
        loaded = load_recipe(data, control, path=path, control_path=control_path)
    except FormatError as error:
        return RecipeCheck(path=path, errors=(error,))
    warnings = [FoundWarning(path, warning) for warning in loaded.recipe.warnings]
    if loaded.control is not None:
        warnings += [FoundWarning(control_path, warning) for warning in loaded.control.warnings]
    return RecipeCheck(
        path=path,
        recipe=loaded.recipe,
        errors=tuple(_build_errors(loaded.recipe, data, path, architecture)),
        warnings=tuple(warnings),
    )


def _build_errors(recipe: Recipe, data: bytes, path: str, architecture: str) -> Iterator[FormatError]:
    if not build_targets(recipe, architecture):
        return
    try:
        plan_build(recipe, HostFacts(architecture=architecture, jobs=1, source_date_epoch=0))
    except ScriptError as error:
        yield FormatError(error.reason, path=path, line=error.line, column=_column(error, data))
    try:
        package_table(recipe, architecture)
    except PackagingError as error:
        yield FormatError(str(error), path=path)
    except ScriptError:
        pass  # no macros for this architecture, which the plan has said


def _column(error: ScriptError, data: bytes) -> int | None:
    """Finds the wrong name in the line of the recipe, whose indentation its scripts do not know."""
    lines = data.decode().splitlines()
    if error.line is None or not error.name or error.line > len(lines):
        return None
    return lines[error.line - 1].find(error.name) + 1 or None
