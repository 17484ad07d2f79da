"""Git repositories of recipes: a bare mirror kept by `git fetch`, read with pygit2, never checked out."""

from serpent_infra.git.directories import Entry, EntryKind, FileChange, PatchLine, TooManyEntries
from serpent_infra.git.errors import GitError, MirrorBroken
from serpent_infra.git.lineage import Step
from serpent_infra.git.mirror import Mirror, mirror_name
from serpent_infra.git.trees import Changes, CommitInfo, RecipeEntry

__all__ = [
    "Changes",
    "CommitInfo",
    "Entry",
    "EntryKind",
    "FileChange",
    "GitError",
    "Mirror",
    "MirrorBroken",
    "PatchLine",
    "RecipeEntry",
    "Step",
    "TooManyEntries",
    "mirror_name",
]
