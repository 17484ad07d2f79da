"""Which build tool a builder works with: one of ours by its name, or anybody's by its import path."""

from importlib import import_module

from avalanche.agent.tools.protocol import BuildTool

# By import path, so that a tool's modules are loaded only where it is used.
_OURS = {"builtin": "avalanche.agent.tools.builtin.tool.Builtin"}


class UnknownBuildTool(Exception):
    """SERPENT_BUILD_TOOL names no tool that can be used; the text says why."""


def find(wanted: str) -> BuildTool:
    """Gives a tool by its name or the import path of its class, which is called without arguments.

    Raises `UnknownBuildTool`.
    """
    module, _, name = _OURS.get(wanted, wanted).rpartition(".")
    if not module:
        known = ", ".join(_OURS)
        raise _unknown(wanted, f"it must be one of {known}, or the import path of a class")
    try:
        made = getattr(import_module(module), name)()
    except Exception as error:
        raise _unknown(wanted, f"it cannot be had: {type(error).__name__}: {error}") from error
    if not isinstance(made, BuildTool):
        raise _unknown(wanted, "it has no build(job), which every build tool has")
    return made


def _unknown(wanted: str, why: str) -> UnknownBuildTool:
    return UnknownBuildTool(f"SERPENT_BUILD_TOOL is {wanted!r}; {why}")
