"""The one exception of the git package."""


class GitError(Exception):
    """Git could not do what was asked; the message is a sentence that a person can read."""
