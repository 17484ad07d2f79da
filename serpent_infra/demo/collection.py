"""The demo's recipe repository: made from `examples/recipes`, pushed to like a packager's."""

import shutil
import subprocess
from pathlib import Path

BRANCH = "main"
AUTHOR = {"GIT_AUTHOR_NAME": "Demo Packager", "GIT_AUTHOR_EMAIL": "packager@demo.invalid"}
COMMITTER = {"GIT_COMMITTER_NAME": "Demo Packager", "GIT_COMMITTER_EMAIL": "packager@demo.invalid"}


class Collection:
    """A packager's working copy and the bare repository that it pushes to."""

    def __init__(self, directory: Path) -> None:
        self._copy = directory / "working-copy"
        self.origin = directory / "recipes.git"

    def create(self, recipes: Path) -> None:
        """Makes both out of a directory of recipes, with everything pushed."""
        self._git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(self.origin), inside=False)
        self._git("clone", "--quiet", str(self.origin), str(self._copy), inside=False)
        shutil.copytree(recipes, self._copy, dirs_exist_ok=True)
        self.push("Add the example recipes")

    def edit(self, path: str, *, old: str, new: str) -> None:
        """Replaces text in one file of the working copy; the text must be there."""
        file = self._copy / path
        text = file.read_text()
        if old not in text:
            raise ValueError(f"{path} holds no {old!r}")
        file.write_text(text.replace(old, new, 1))

    def push(self, message: str) -> str:
        """Commits everything, pushes it, and gives the commit."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)
        self._git("push", "--quiet", "origin", f"HEAD:{BRANCH}")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str, inside: bool = True) -> str:
        # Nothing of the person's own git configuration may change what the demo does.
        return subprocess.run(
            ["git", *(["-C", str(self._copy)] if inside else []), *arguments],
            env={"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
            | AUTHOR
            | COMMITTER,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
