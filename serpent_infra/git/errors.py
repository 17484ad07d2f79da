"""The exceptions of the git package."""


class GitError(Exception):
    """Git could not do what was asked; the message is a sentence that a person can read."""


class MirrorBroken(GitError):
    """The mirror lacks, or cannot read, what it must hold: the fault is ours, and rebuilding the mirror mends it."""
