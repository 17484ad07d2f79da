"""What an installed Python distribution provides and needs, as its metadata says (stone-spec 5.4, 5)."""

import platform
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.packaging.analysis import Findings, Site
from serpent_infra.formats.packaging.inside import open_inside
from serpent_infra.formats.packaging.tree import TreePath, refusing

_MAX_TEXT = 2**20
_MAX_LINE = 2**12
_VERSIONED = re.compile(r"python(\d+\.\d+)t?")
_ASK_VERSION = "import platform; print(platform.python_version())"
_WHOLE_VERSION = ("python_full_version", "implementation_version")


def is_python_metadata(found: TreePath) -> bool:
    """Says whether a path describes an installed Python distribution."""
    parent = found.parts[-2] if len(found.parts) > 1 else ""
    return (found.name == "METADATA" and parent.endswith(".dist-info")) or (
        found.name == "PKG-INFO" and parent.endswith(".egg-info")
    )


def read_python_metadata(site: Site, found: TreePath, findings: Findings) -> None:
    """Adds the distribution, and those it requires here without extras; what it cannot read the log names."""
    headers = _headers(site, found)
    name = headers.get("Name")
    try:
        findings.provides.add(_python(str(name or "")))
    except ValueError:
        site.say(found.path, f"the name {_cut(name)} is none of a Python distribution, so it provides nothing")
    lines = [str(line) for line in headers.get_all("Requires-Dist", [])] or _egg_requirements(found)
    if lines:
        findings.depends.update(_required(site, found, lines))


def _headers(site: Site, found: TreePath) -> Message:
    with refusing(found.path), found.open() as stream:
        text = stream.read(_MAX_TEXT + 1)
    if len(text) > _MAX_TEXT and not re.search(rb"\n\r?\n", text):
        site.say(found.path, f"not read: its headers go on for more than {_MAX_TEXT:,} bytes")
        text = b""
    return HeaderParser().parsestr(text.decode(errors="replace"))


def _egg_requirements(found: TreePath) -> list[str]:
    """Reads `requires.txt` beside a PKG-INFO, where setuptools wrote requirements before metadata had a place for them.

    Sections are named `[extra]`, `[extra:marker]` or `[:marker]`.
    """
    if found.name != "PKG-INFO":
        return []
    beside = found.path.removesuffix("PKG-INFO") + "requires.txt"
    try:
        with open_inside(found.root, beside) as stream:
            text = stream.read(_MAX_TEXT).decode(errors="replace")
    except OSError:  # most have none
        return []
    requirements, extra, marker = list[str](), "", ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("["):
            extra, _, marker = line.strip("[]").partition(":")
        elif not extra:
            requirements.append(f"{line} ; {marker}" if marker else line)
    return requirements


def _required(site: Site, found: TreePath, lines: list[str]) -> Iterator[Capability]:
    environment = _environment(site, found, lines)
    for line in lines:
        try:
            requirement = _requirement(line)
            holds = requirement.marker is None or requirement.marker.evaluate(environment)
            if holds and not requirement.extras:
                yield _python(requirement.name)
        except (ValueError, RecursionError):  # all of the library's exceptions are ValueErrors; it parses recursively
            site.say(found.path, f"the requirement {_cut(line)} cannot be read, so it is left out")


def _requirement(line: str) -> Requirement:
    if len(line) > _MAX_LINE:
        raise ValueError(f"{len(line):,} characters")
    return Requirement(line)


def _environment(site: Site, found: TreePath, lines: list[str]) -> dict[str, str]:
    """Says what markers are held against: the Python whose directory this is, on the architecture of the build."""
    version = _version(site, found, lines)
    return {
        "extra": "",
        "implementation_name": "cpython",
        "implementation_version": version,
        "os_name": "posix",
        "platform_machine": site.architecture,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": version,
        "python_version": ".".join(version.split(".")[:2]),
        "sys_platform": "linux",
    }


def _version(site: Site, found: TreePath, lines: list[str]) -> str:
    """Gives the whole version; the directory tells two numbers, the build root's Python is asked for the third."""
    named = next((match[1] for part in found.parts if (match := _VERSIONED.fullmatch(part))), "")
    if named and not any(marker in line for line in lines for marker in _WHOLE_VERSION):
        return f"{named}.0"  # nobody looks at the third
    version = _version_of_the_root(site)
    if not named or version.startswith(f"{named}."):
        return version
    return f"{named}.99"  # another Python than the root's, so the latest of its line


def _version_of_the_root(site: Site) -> str:
    """Asks the build root's Python for its version; without one, this process's answers."""
    result = site.tools.run(["python3", "-c", _ASK_VERSION])
    answer = result.output.strip().removesuffix("+")
    is_version = result.status == 0 and re.fullmatch(r"\d+\.\d+\.\d+\w*", answer)
    return answer if is_version else platform.python_version().removesuffix("+")


def _python(name: str) -> Capability:
    """Names a distribution in the one form that is compared. Raises `ValueError` for what is no such name."""
    return Capability(Kind.PYTHON, canonicalize_name(name.strip(), validate=True))


def _cut(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 100 else f"{shown[:100]}…"  # noqa: PLR2004 - a line of the log
