"""What a `.pc` file provides and requires, as pkg-config says (stone-spec 5.4, 4)."""

import posixpath
import re
from collections.abc import Iterator

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.packaging.analysis import Site
from serpent_infra.formats.packaging.tree import TreePath, refusing

_MAX_TEXT = 2**20
_MAX_VALUE = 2**12  # variables may double each other
_PATH, _PATH_32 = "/usr/lib/pkgconfig:/usr/share/pkgconfig", "/usr/lib32/pkgconfig"
_OPTIONS = ("--print-requires", "--print-requires-private", "--silence-errors")
_ABSENT = 127  # what a shell answers for a program that it does not find
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_COMPARISON = re.compile(r"\s*(?:[<>]=?|!?=)\s*[^\s,]+")
_NAME = re.compile(r"[^\s,()]+")
_LINE = re.compile(r"([A-Za-z0-9_.]+)\s*([:=])(.*)")


def pkg_config_provides(path: str) -> Capability | None:
    """Says which package a `.pc` file below a `pkgconfig` directory is; None where the path is no such file."""
    *directories, name = path.split("/")
    if not name.endswith(".pc") or "pkgconfig" not in directories:
        return None
    kind = Kind.PKGCONFIG32 if "lib32" in directories else Kind.PKGCONFIG
    return Capability(kind, name.removesuffix(".pc"))


def pkg_config_depends(site: Site, found: TreePath) -> Iterator[Capability]:
    """Says what a `.pc` file requires, private requirements included.

    What pkg-config refuses requires nothing, as for boulder, and the log says so; where there is no pkg-config the
    file's own lines are read.
    """
    is_32bit = "lib32" in found.parts[:-1]
    directory = posixpath.dirname(found.path)
    for name in _required_names(site, found, is_32bit=is_32bit):
        places = (f"{directory}/{name}.pc", f"/usr/lib32/pkgconfig/{name}.pc")
        has_32bit = is_32bit and any(site.is_installed(place) for place in places)
        yield Capability(Kind.PKGCONFIG32 if has_32bit else Kind.PKGCONFIG, name)


def _required_names(site: Site, found: TreePath, *, is_32bit: bool) -> list[str]:
    path = f"PKG_CONFIG_PATH={_PATH_32}:{_PATH}" if is_32bit else f"PKG_CONFIG_PATH={_PATH}"
    result = site.tools.run(["env", "LC_ALL=C", path, "pkg-config", *_OPTIONS, site.tool_path(found.path)])
    if result.status != _ABSENT:
        if result.status != 0:
            site.say(found.path, f"pkg-config refuses it with status {result.status}, so it requires nothing")
        return [line.split()[0] for line in result.output.splitlines() if line.split()]
    if not found.is_regular:  # a link is for programs in the sandbox to follow, not for this process
        site.say(found.path, "not read, for want of pkg-config")
        return []
    with refusing(found.path), found.open() as stream:
        return pkg_config_requires(stream.read(_MAX_TEXT).decode(errors="replace"))


def pkg_config_requires(text: str) -> list[str]:
    """Reads the names in the `Requires` and `Requires.private` lines of a `.pc` file, in order."""
    variables: dict[str, str] = {}
    names: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        match = _LINE.match(line.partition("#")[0].strip())
        if match is None:
            continue
        key, separator, value = match.groups()
        expanded = _VARIABLE.sub(lambda match: variables.get(match[1], ""), value.strip())[:_MAX_VALUE]
        if separator == "=":
            variables[key] = expanded
        elif key in {"Requires", "Requires.private"}:
            names += _NAME.findall(_COMPARISON.sub(" ", expanded))
    return names
