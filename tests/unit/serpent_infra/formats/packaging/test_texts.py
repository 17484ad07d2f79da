"""What text files offer and need."""

from pathlib import Path

import pytest

from serpent_infra.formats.packaging.analysis import Site
from serpent_infra.formats.packaging.texts import (
    cmake_provides,
    is_pkg_config,
    is_python_metadata,
    pkg_config_depends,
    pkg_config_provides,
    pkg_config_requires,
    python_capabilities,
)
from serpent_infra.formats.packaging.tools import ToolResult, Tools
from serpent_infra.formats.packaging.tree import TreePath, look_at
from serpent_infra.formats.recipe import Options


def put(root: Path, path: str, text: str = "") -> TreePath:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return look_at(root, path)


def site(root: Path, answer: ToolResult) -> Site:
    return Site(install_root=root, options=Options(), tools=Tools(run=lambda _arguments: answer))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Requires: zlib >= 1.2, libfoo\n", ["zlib", "libfoo"]),
        ("Requires: a b>=2 c\nRequires.private: d != 1,e\n", ["a", "b", "c", "d", "e"]),
        ("v=1.0\nx=lib${v}\nRequires: ${x} = ${v}  # why\n", ["lib1.0"]),
        ("Requires: a, \\\n b\nLibs: -lz\n", ["a", "b"]),
        ("Requires:\nConflicts: z\n", []),
        ("Name: none of it", []),
    ],
)
def test_requires_lines_are_read(text: str, names: list[str]) -> None:
    assert pkg_config_requires(text) == names


def test_pkg_config_is_believed_where_it_answers(tmp_path: Path) -> None:
    found = put(tmp_path, "/usr/lib/pkgconfig/x.pc", "Requires: other\n")
    answer = ToolResult(0, "zlib >= 1.2\nfoo\n")
    assert [str(one) for one in pkg_config_depends(site(tmp_path, answer), found)] == [
        "pkgconfig(zlib)",
        "pkgconfig(foo)",
    ]


def test_the_file_is_read_where_pkg_config_does_not_answer(tmp_path: Path) -> None:
    found = put(tmp_path, "/usr/lib/pkgconfig/x.pc", "Requires: other\n")
    assert [str(one) for one in pkg_config_depends(site(tmp_path, ToolResult(127, "")), found)] == ["pkgconfig(other)"]


def test_a_link_is_not_followed_here(tmp_path: Path) -> None:
    put(tmp_path, "/secret.pc", "Requires: secret\n")
    (tmp_path / "usr/lib/pkgconfig").mkdir(parents=True)
    (tmp_path / "usr/lib/pkgconfig/x.pc").symlink_to(tmp_path / "secret.pc")
    found = look_at(tmp_path, "/usr/lib/pkgconfig/x.pc")
    assert list(pkg_config_depends(site(tmp_path, ToolResult(1, "")), found)) == []


def test_32_bit_files_need_32_bit_files_where_there_are_some(tmp_path: Path) -> None:
    found = put(tmp_path, "/usr/lib32/pkgconfig/x.pc", "Requires: here elsewhere\n")
    put(tmp_path, "/usr/lib32/pkgconfig/here.pc")
    assert str(pkg_config_provides(found)) == "pkgconfig32(x)"
    depends = [str(one) for one in pkg_config_depends(site(tmp_path, ToolResult(127, "")), found)]
    assert depends == ["pkgconfig32(here)", "pkgconfig(elsewhere)"]


@pytest.mark.parametrize(
    ("path", "says"),
    [("/usr/share/pkgconfig/x.pc", True), ("/usr/share/x.pc", False), ("/usr/lib/pkgconfig/x.pcx", False)],
)
def test_pc_files_stand_below_pkgconfig(tmp_path: Path, path: str, *, says: bool) -> None:
    assert is_pkg_config(put(tmp_path, path)) is says


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("FooConfig.cmake", "Foo"),
        ("foo-config.cmake", "foo"),
        ("foo-Config.cmake", None),
        ("FooTargets.cmake", None),
        ("Config.cmake", None),
    ],
)
def test_cmake_packages_are_named_by_their_files(tmp_path: Path, name: str, package: str | None) -> None:
    provided = cmake_provides(put(tmp_path, f"/usr/lib/cmake/{name}"))
    assert (provided and provided.text) == (package and f"cmake({package})")


def test_python_metadata_is_read(tmp_path: Path) -> None:
    text = """Metadata-Version: 2.1
Name: Zope.Interface_x
Requires-Dist: Foo_Bar>=1
Requires-Dist: old; python_version < "3"
Requires-Dist: tests; extra == "test"
Requires-Dist: here; python_version >= "3"
Requires-Dist: ???

Requires-Dist: body
"""
    found = put(tmp_path, "/usr/lib/python3.13/site-packages/x.dist-info/METADATA", text)
    assert is_python_metadata(found)
    provides, depends = python_capabilities(found)
    assert {str(one) for one in provides} == {"python(zope-interface-x)"}
    assert {str(one) for one in depends} == {"python(foo-bar)", "python(here)"}


def test_other_files_are_no_python_metadata(tmp_path: Path) -> None:
    assert is_python_metadata(put(tmp_path, "/usr/lib/x.egg-info/PKG-INFO"))
    assert not is_python_metadata(put(tmp_path, "/usr/lib/x.dist-info/PKG-INFO"))
    assert not is_python_metadata(put(tmp_path, "/METADATA"))
