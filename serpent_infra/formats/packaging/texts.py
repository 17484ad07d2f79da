"""What text files offer and need: `.pc` files, Python metadata, CMake packages (stone-spec 5.4, 4 to 6)."""

import posixpath
import re
from collections.abc import Iterator
from email.parser import HeaderParser

from packaging.requirements import InvalidRequirement, Requirement

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.packaging.analysis import Site
from serpent_infra.formats.packaging.tree import TreePath

_MAX_TEXT = 2**20
_MAX_PC_VALUE = 2**12  # variables may double each other
_PC_PATH, _PC_PATH_32 = "/usr/lib/pkgconfig:/usr/share/pkgconfig", "/usr/lib32/pkgconfig:/usr/share/pkgconfig"
_PC_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_PC_COMPARISON = re.compile(r"\s*(?:[<>]=?|!?=)\s*[^\s,]+")
_PC_NAME = re.compile(r"[^\s,()]+")
_CMAKE_SUFFIXES = ("Config.cmake", "-config.cmake")


def is_pkg_config(found: TreePath) -> bool:
    """Says whether a path is a `.pc` file where pkg-config looks for them."""
    return found.name.endswith(".pc") and "pkgconfig" in found.parts[:-1]


def pkg_config_provides(found: TreePath) -> Capability:
    """Says which package a `.pc` file is."""
    kind = Kind.PKGCONFIG32 if "lib32" in found.parts else Kind.PKGCONFIG
    return Capability(kind, found.name.removesuffix(".pc"))


def pkg_config_depends(site: Site, found: TreePath) -> Iterator[Capability]:
    """Says what a `.pc` file requires, private requirements included.

    pkg-config itself is asked; where it is absent or refuses, the file's own lines are read.
    """
    is_32bit = "lib32" in found.parts
    path = f"PKG_CONFIG_PATH={_PC_PATH_32}:{_PC_PATH}" if is_32bit else f"PKG_CONFIG_PATH={_PC_PATH}"
    options = ["--print-requires", "--print-requires-private", "--silence-errors"]
    result = site.tools.run(["env", path, "pkg-config", *options, site.tool_path(found.path)])
    if result.status == 0:
        names = [line.split()[0] for line in result.output.splitlines() if line.split()]
    else:  # a link is for programs in the sandbox to follow, not for this process
        names = pkg_config_requires(_text(found)) if found.is_regular else []
    directory = posixpath.dirname(found.path)
    for name in names:
        places = (f"{directory}/{name}.pc", f"/usr/lib32/pkgconfig/{name}.pc")
        has_32bit = is_32bit and any(site.is_installed(place) for place in places)
        yield Capability(Kind.PKGCONFIG32 if has_32bit else Kind.PKGCONFIG, name)


def pkg_config_requires(text: str) -> list[str]:
    """Reads the names in the `Requires` and `Requires.private` lines of a `.pc` file, in order."""
    variables: dict[str, str] = {}
    names: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        bare = line.partition("#")[0].strip()
        key, separator, value = _split_pc_line(bare)
        expanded = _PC_VARIABLE.sub(lambda match: variables.get(match[1], ""), value.strip())[:_MAX_PC_VALUE]
        if separator == "=":
            variables[key] = expanded
        elif separator == ":" and key in {"Requires", "Requires.private"}:
            names += _PC_NAME.findall(_PC_COMPARISON.sub(" ", expanded))
    return names


def _split_pc_line(line: str) -> tuple[str, str, str]:
    match = re.match(r"([A-Za-z0-9_.]+)\s*([:=])(.*)", line)
    return (match[1], match[2], match[3]) if match else ("", "", "")


def is_python_metadata(found: TreePath) -> bool:
    """Says whether a path describes an installed Python distribution."""
    parent = found.parts[-2] if len(found.parts) > 1 else ""
    return (found.name == "METADATA" and parent.endswith(".dist-info")) or (
        found.name == "PKG-INFO" and parent.endswith(".egg-info")
    )


def python_capabilities(found: TreePath) -> tuple[set[Capability], set[Capability]]:
    """Says what a Python distribution provides and what it needs here, extras left out."""
    headers = HeaderParser().parsestr(_text(found))
    name = headers.get("Name")
    provides = {_python(name)} if isinstance(name, str) and name.strip() else set()
    depends: set[Capability] = set()
    for line in headers.get_all("Requires-Dist", []):
        try:
            requirement = Requirement(str(line))
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            depends.add(_python(requirement.name))
    return provides, depends


def _python(name: str) -> Capability:
    return Capability(Kind.PYTHON, re.sub(r"[-_.]+", "-", name.strip()).lower())


def cmake_provides(found: TreePath) -> Capability | None:
    """Says which CMake package a file configures, None where it is no such file."""
    name = found.name
    if name.endswith("-Config.cmake"):
        return None
    for suffix in _CMAKE_SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return Capability(Kind.CMAKE, name.removesuffix(suffix))
    return None


def _text(found: TreePath) -> str:
    with found.open() as stream:
        return stream.read(_MAX_TEXT).decode(errors="replace")
