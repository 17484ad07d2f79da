"""Reads a tree of recipes from disk, a git repository at its HEAD or a plain directory, as the intake would."""

import os
from collections.abc import Iterator
from pathlib import Path

import pygit2

from serpent_infra.git import GitError, Mirror, RecipeEntry
from serpent_infra.git.trees import DEPTH_LIMIT, RECIPE_FILE
from summit.needs import Need, Node, Usage
from summit.refresh.reading import Reading, read

_USAGES = (Usage.BUILD, Usage.CHECK, Usage.RUN)


class Unreadable(Exception):
    """There is no tree of recipes at a path; the message is a sentence."""


class LooseTree(Mirror):
    """A plain directory that is read as a mirror is: ids of files are their paths in it."""

    def recipes(self, commit: str = "") -> list[RecipeEntry]:
        """Lists every recipe below the directory, in path order."""
        del commit
        return list(self._walk())

    def blob_data(self, blob: str) -> bytes:
        """Reads a file by its path."""
        try:
            return (self.path / blob).read_bytes()
        except OSError as error:
            raise GitError(f"{blob} cannot be read: {error.strerror}") from error

    def _walk(self) -> Iterator[RecipeEntry]:
        for place, directories, names in os.walk(self.path):
            directories.sort()
            inner = Path(place).relative_to(self.path)
            if len(inner.parts) >= DEPTH_LIMIT:
                directories.clear()
            if RECIPE_FILE not in names:
                continue
            if "pkg" in directories:  # patches and units; no recipe is looked for there
                directories.remove("pkg")
            path = (inner / RECIPE_FILE).as_posix()
            files = {name: (inner / name).as_posix() for name in names if not (Path(place) / name).is_symlink()}
            fault = "" if RECIPE_FILE in files else f"{RECIPE_FILE} is a symbolic link; it must be a file"
            yield RecipeEntry(path=path, blob=path, tree=inner.as_posix(), fault=fault, files=files)


def read_tree(path: Path, *, architecture: str) -> tuple[list[Node], list[str]]:
    """Reads all recipes as nodes of the order, keys in path order; also gives a sentence for each that does not parse.

    Raises `Unreadable` where there is no recipe at all.
    """
    if not path.is_dir():
        raise Unreadable(f"there is no directory {path}")
    try:
        mirror, entries = _entries(path)
        readings = [read(mirror, entry) for entry in entries]
    except GitError as error:
        raise Unreadable(f"{path}: {error}") from error
    problems = [f"{one.entry.path}: {one.problem.sentence}" for one in readings if one.problem is not None]
    good = [one for one in readings if one.recipe is not None]
    if not good:
        raise Unreadable(f"there is no readable {RECIPE_FILE} in {path}" + "".join(f"; {one}" for one in problems[:3]))
    return [_node(key, one, architecture=architecture) for key, one in enumerate(good)], problems


def _entries(path: Path) -> tuple[Mirror, list[RecipeEntry]]:
    is_repository = (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())
    if not is_repository:
        loose = LooseTree(path, str(path))
        return loose, loose.recipes()
    mirror = Mirror(path, str(path))
    try:
        head = mirror.resolve("")
    except pygit2.GitError as error:
        raise GitError("the repository has no commit") from error
    return mirror, mirror.recipes(head)


def _node(key: int, reading: Reading, *, architecture: str) -> Node:
    """Makes a node of what a recipe's directory says for one architecture."""
    recipe = reading.recipe
    if recipe is None:
        raise ValueError(f"{reading.entry.path} was not read")
    here = {"", architecture}
    needs = {
        Need(one.capability, one.usage): None
        for usage in _USAGES
        for one in reading.depends
        if one.usage is usage and one.architecture in here
    }
    return Node(
        key=key,
        name=recipe.name,
        title=f"{recipe.name} {recipe.version}-{recipe.release}",
        provides=frozenset(one.capability for one in reading.provides if one.architecture in here),
        needs=tuple(needs),
        implied=tuple(
            one.capability for one in reading.depends if one.usage is Usage.IMPLIED and one.architecture in here
        ),
        is_certain=architecture in reading.manifests,
    )
