"""The exception of scripts and macros."""


class ScriptError(Exception):
    """A recipe asks for a macro, a tuning group or a target that does not exist; the text is for people."""
