"""The recipe as it is at exactly the commit of the order, read and compared with what was ordered."""

import shutil
from pathlib import Path, PurePosixPath

from avalanche.agent.tools.protocol import BuildFailed, Job
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe import CONTROL_FILE, Recipe, load_recipe
from serpent_infra.git import GitError, Mirror, MirrorBroken
from serpent_infra.wire.reports import FailureKind

RECIPE_FILE = "stone.yaml"


def check_out(job: Job) -> Recipe:
    """Fills the workspace's recipe directory and gives its recipe; raises `BuildFailed`."""
    source = job.order.source
    mirror = Mirror.under(job.means.cache_dir / "mirrors", source.origin_uri)
    try:
        if not mirror.path.exists() or not mirror.has(source.commit):
            mirror.fetch(timeout=job.means.git_timeout)
    except GitError as error:
        raise BuildFailed(FailureKind.FETCH, f"The recipe's repository cannot be fetched: {error}") from error
    directory = str(PurePosixPath(source.recipe_path).parent)
    try:
        _export(mirror, job, "" if directory == "." else directory)
    except GitError as error:
        raise BuildFailed(FailureKind.RECIPE, f"The recipe cannot be read at {source.commit[:12]}: {error}") from error
    recipe = read_recipe(job.workspace.recipe_dir / PurePosixPath(source.recipe_path).name, source.recipe_path)
    for field, ordered, said in (
        ("name", job.order.source_name, recipe.name),
        ("version", job.order.version, recipe.version),
        ("release", job.order.release, recipe.release),
    ):
        if ordered != said:
            message = f"The recipe at {source.commit[:12]} has the {field} {said}; {ordered} was ordered"
            raise BuildFailed(FailureKind.RECIPE, message)
    return recipe


def _export(mirror: Mirror, job: Job, directory: str) -> None:
    """Writes the recipe's directory; a damaged mirror is no fault of the recipe's, and is rebuilt first."""
    commit = job.order.source.commit
    try:
        mirror.export(commit, directory, job.workspace.recipe_dir)
    except MirrorBroken:
        if not mirror.has(commit):
            raise  # it was fetched a moment ago: nobody has it any more
        mirror.heal(timeout=job.means.git_timeout)
        shutil.rmtree(job.workspace.recipe_dir, ignore_errors=True)
        mirror.export(commit, directory, job.workspace.recipe_dir)


def read_recipe(path: Path, shown_as: str) -> Recipe:
    """Reads a recipe, as its control file edits it; raises `BuildFailed` with the line."""
    control_path = path.with_name(CONTROL_FILE)
    control_as = str(PurePosixPath(shown_as).with_name(CONTROL_FILE))
    if control_path.is_symlink():  # it could lead to a file of the builder, whose line an error would show
        raise BuildFailed(FailureKind.RECIPE, f"{control_as} is a symbolic link; it must be a file")
    try:
        data = path.read_bytes()
        control = control_path.read_bytes() if control_path.exists() else None
    except OSError as error:
        raise BuildFailed(FailureKind.RECIPE, f"{shown_as}: {error.strerror}") from error
    try:
        return load_recipe(data, control, path=shown_as, control_path=control_as).recipe
    except FormatError as error:
        wrong = control if control is not None and error.path == control_as else data
        lines = wrong.decode(errors="replace").splitlines()
        line = lines[error.line - 1] if error.line is not None and 0 < error.line <= len(lines) else ""
        raise BuildFailed(FailureKind.RECIPE, str(error), excerpt=line) from error
