"""What installed Python distributions provide and need."""

import platform
from dataclasses import replace
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from serpent_infra.formats.packaging.analysis import Findings
from serpent_infra.formats.packaging.python_metadata import is_python_metadata, read_python_metadata
from serpent_infra.formats.packaging.tools import ToolResult, Tools
from tests.unit.serpent_infra.formats.packaging.install_trees import put, put_path, site_of

METADATA = "/usr/lib/python3.13/site-packages/x.dist-info/METADATA"


def read(
    root: Path, text: str | bytes, *, path: str = METADATA, architecture: str = "x86_64"
) -> tuple[set[str], set[str], list[str]]:
    """Gives what is provided, what is needed, and what the log was told."""
    found, findings = put_path(root, path, text), Findings()
    lines: list[str] = []
    read_python_metadata(site_of(root, lines=lines, architecture=architecture), found, findings)
    return {str(one) for one in findings.provides}, {str(one) for one in findings.depends}, lines


def test_python_metadata_is_read(tmp_path: Path) -> None:
    text = """Metadata-Version: 2.1
Name: Zope.-_Interface_x
Requires-Dist: Foo_Bar.baz>=1
Requires-Dist: old; python_version < "3"
Requires-Dist: tests; extra == "test"
Requires-Dist: with-extras[speed]
Requires-Dist: here; python_version >= "3"

Requires-Dist: body
"""
    provides, depends, lines = read(tmp_path, text)
    assert provides == {"python(zope-interface-x)"}
    assert depends == {"python(foo-bar-baz)", "python(here)"}
    assert lines == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (METADATA, True),
        ("/usr/lib/python3.13/site-packages/x.egg-info/PKG-INFO", True),
        ("/usr/lib/x.dist-info/PKG-INFO", False),
        ("/usr/lib/x.dist-info/deep/METADATA", False),
        ("/METADATA", False),
    ],
)
def test_metadata_stands_in_its_own_directory(tmp_path: Path, path: str, *, says: bool) -> None:
    assert is_python_metadata(put_path(tmp_path, path)) is says


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ('python_version >= "3.13"', True),
        ('python_version < "3.10"', False),
        ('python_full_version >= "3.13.0"', True),
        ('sys_platform == "linux" and os_name == "posix"', True),
        ('platform_system == "Windows"', False),
        ('platform_machine == "aarch64"', True),
        ('implementation_name != "cpython"', False),
        ('platform_python_implementation == "CPython"', True),
    ],
)
def test_markers_are_held_against_the_python_and_the_architecture_of_the_build(
    tmp_path: Path, marker: str, *, holds: bool
) -> None:
    _, depends, _ = read(tmp_path, f"Name: x\nRequires-Dist: y; {marker}\n", architecture="aarch64")
    assert depends == ({"python(y)"} if holds else set())


def test_the_directory_says_which_python_it_is(tmp_path: Path) -> None:
    text = 'Name: x\nRequires-Dist: y; python_version < "3.9"\n'
    assert read(tmp_path, text, path=METADATA.replace("3.13", "3.8"))[1] == {"python(y)"}
    assert read(tmp_path, text)[1] == set()


@pytest.mark.parametrize(("answer", "needed"), [("3.8.1\n", {"python(y)"}), ("4.2.0\n", set()), ("nonsense\n", set())])
def test_the_build_roots_python_is_asked_where_the_directory_does_not_say(
    tmp_path: Path, answer: str, needed: set[str]
) -> None:
    found = put_path(tmp_path, "/usr/lib/x.dist-info/METADATA", 'Name: x\nRequires-Dist: y; python_version < "3.9"\n')
    site = replace(site_of(tmp_path), tools=Tools(run=lambda _arguments: ToolResult(0, answer)))
    findings = Findings()
    read_python_metadata(site, found, findings)
    assert {str(one) for one in findings.depends} == needed


@pytest.mark.parametrize(
    ("answer", "needed"),
    [("3.13.2\n", {"python(y)"}), ("3.13.3+\n", set()), ("3.12.1\n", set()), ("3.13.0rc1\n", {"python(y)"})],
    ids=["older", "newer", "of another line", "candidate"],
)
def test_the_third_number_is_the_build_roots_and_else_the_latest(tmp_path: Path, answer: str, needed: set[str]) -> None:
    found = put_path(tmp_path, METADATA, 'Name: x\nRequires-Dist: y; python_full_version < "3.13.3"\n')
    site = replace(site_of(tmp_path), tools=Tools(run=lambda _arguments: ToolResult(0, answer)))
    findings = Findings()
    read_python_metadata(site, found, findings)
    assert {str(one) for one in findings.depends} == needed


@pytest.mark.parametrize(
    "line",
    [
        "???",
        "y; python_version",
        'y; nonsense == "1"',
        'y; os_name ~= "posix"',
        "y @ ",
        "y; " + "(" * 2000 + 'python_version > "3"' + ")" * 2000,
        "y" * 5000,
        "y; python_version > '\N{SNOWMAN}'" + "\x00",
    ],
)
def test_a_requirement_that_cannot_be_read_is_named_and_the_others_count(tmp_path: Path, line: str) -> None:
    provides, depends, lines = read(tmp_path, f"Name: x\nRequires-Dist: {line}\nRequires-Dist: z\n")
    assert (provides, depends) == ({"python(x)"}, {"python(z)"})
    assert len(lines) == 1
    assert lines[0].startswith(f"{METADATA}: the requirement ")
    assert len(lines[0]) < 300


@pytest.mark.parametrize(
    "text", ["", "Version: 1\n", "Name: \n", "Name: a b\n", "Name: ../../x\n", "Name: a\0b\n", b"Name: \xff\xfe\n"]
)
def test_a_name_that_is_none_is_told(tmp_path: Path, text: str | bytes) -> None:
    provides, _, lines = read(tmp_path, text)
    assert provides == set()
    assert len(lines) == 1
    assert "is none of a Python distribution" in lines[0]


def test_headers_without_end_are_not_read(tmp_path: Path) -> None:
    provides, depends, lines = read(tmp_path, "Name: x\nRequires-Dist: y\n" + f"X: {'x' * 1000}\n" * 1100)
    assert (provides, depends) == (set(), set())
    assert lines[0] == f"{METADATA}: not read: its headers go on for more than 1,048,576 bytes"


def test_a_long_description_does_no_harm(tmp_path: Path) -> None:
    provides, depends, lines = read(tmp_path, "Name: x\nRequires-Dist: y\n\n" + "word " * 300_000)
    assert (provides, depends, lines) == ({"python(x)"}, {"python(y)"}, [])


EGG = "/usr/lib/python3.13/site-packages/x.egg-info"
REQUIRES = """
always>=1
with-extras[speed]

[:python_version < "3"]
old

[:python_version >= "3"]
new

[test]
tests

[docs:python_version >= "3"]
docs
"""


def test_old_metadata_has_its_requirements_beside_it(tmp_path: Path) -> None:
    put(tmp_path, f"{EGG}/requires.txt", REQUIRES)
    assert read(tmp_path, "Name: x\n", path=f"{EGG}/PKG-INFO") == (
        {"python(x)"},
        {"python(always)", "python(new)"},
        [],
    )
    # As importlib reads the same directory, by what boulder does with it.
    requirements = map(Requirement, Distribution.at(tmp_path / EGG.lstrip("/")).requires or [])
    environment = {"python_version": "3.13", "extra": ""}
    held = {one.name for one in requirements if not one.extras and (not one.marker or one.marker.evaluate(environment))}
    assert held == {"always", "new"}


def test_requirements_in_the_metadata_itself_come_first(tmp_path: Path) -> None:
    put(tmp_path, f"{EGG}/requires.txt", REQUIRES)
    assert read(tmp_path, "Name: x\nRequires-Dist: y\n", path=f"{EGG}/PKG-INFO")[1] == {"python(y)"}


def test_requirements_behind_a_link_are_not_read(tmp_path: Path) -> None:
    put(tmp_path, "/secret", "secret\n")
    put(tmp_path, f"{EGG}/x")
    (tmp_path / EGG.lstrip("/") / "requires.txt").symlink_to(tmp_path / "secret")
    assert read(tmp_path, "Name: x\n", path=f"{EGG}/PKG-INFO")[1] == set()


def test_this_environments_own_distributions_are_read_as_the_library_reads_them(tmp_path: Path) -> None:
    """The oracle is what boulder runs in the build root: importlib and packaging, in the Python that is there."""
    version = ".".join(platform.python_version_tuple()[:2])
    count = 0
    for number, distribution in enumerate(distributions()):
        text = distribution.read_text("METADATA")
        if text is None:
            continue
        needed = {
            f"python({canonicalize_name(one.name)})"
            for one in map(Requirement, distribution.requires or [])
            if not one.extras and (one.marker is None or one.marker.evaluate())
        }
        path = f"/usr/lib/python{version}/site-packages/x{number}.dist-info/METADATA"
        found = read(tmp_path, text, path=path, architecture=platform.machine())
        assert found == ({f"python({canonicalize_name(distribution.metadata['Name'])})"}, needed, [])
        count += 1
    assert count > 50
