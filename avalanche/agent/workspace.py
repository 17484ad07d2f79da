"""Where one attempt is built: a directory of the slot, clean at the start, moved aside at the end and removed later."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from avalanche.agent.sandbox.mounts import unmount_under

_ASIDE = ".old-"


@dataclass(frozen=True)
class Workspace:
    """The directories of one attempt below `directory`."""

    directory: Path

    @classmethod
    def fresh(cls, slot_dir: Path) -> "Workspace":
        """Makes an empty workspace in a slot's directory, with what was there moved aside."""
        put_aside(slot_dir)
        workspace = cls(slot_dir / "work")
        for path in (workspace.root_dir, workspace.recipe_dir, workspace.artefacts_dir, workspace.proposals_dir):
            path.mkdir(parents=True)
        return workspace

    @property
    def root_dir(self) -> Path:
        """Holds the build root and its layers."""
        return self.directory / "root"

    @property
    def recipe_dir(self) -> Path:
        """Holds the recipe's directory as it is in the commit."""
        return self.directory / "recipe"

    @property
    def artefacts_dir(self) -> Path:
        """Takes the packages and manifests."""
        return self.directory / "artefacts"

    @property
    def proposals_dir(self) -> Path:
        """Takes the manifests that git does not hold as they were built; they travel with the report."""
        return self.directory / "proposals"

    @property
    def log_path(self) -> Path:
        """The whole log of the attempt."""
        return self.directory / "build.log"


def put_aside(slot_dir: Path) -> None:
    """Makes way for the next attempt in no time: the old workspace is renamed, `sweep_aside` removes it later."""
    slot_dir.mkdir(parents=True, exist_ok=True)
    old = slot_dir / "work"
    if old.exists():
        unmount_under(old)
        old.rename(slot_dir / f"{_ASIDE}{uuid4().hex}")


def sweep_aside(slot_dir: Path) -> None:
    """Removes old workspaces of a slot."""
    for path in slot_dir.glob(f"{_ASIDE}*"):
        unmount_under(path)
        remove_tree(path)


def remove_tree(directory: Path) -> None:
    """Removes a tree that a build wrote, however deep, and also where it took its own right to write (Go's cache does).

    By `rm`, because `shutil.rmtree` recurses: a tree of a thousand levels would end it.
    """
    remove = ["rm", "-rf", "--one-file-system", "--", str(directory)]
    if subprocess.run(remove, check=False, stderr=subprocess.DEVNULL).returncode != 0:
        subprocess.run(["chmod", "-R", "u+rwX", "--", str(directory)], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(remove, check=False, stderr=subprocess.DEVNULL)
