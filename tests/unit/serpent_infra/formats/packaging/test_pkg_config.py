"""What `.pc` files provide and require."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from serpent_infra.formats.packaging.pkg_config import pkg_config_depends, pkg_config_provides, pkg_config_requires
from serpent_infra.formats.packaging.tools import ToolResult, Tools
from serpent_infra.formats.packaging.tree import look_at
from tests.unit.serpent_infra.formats.packaging.install_trees import ABSENT, put, put_path, site_of

needs_pkg_config = pytest.mark.skipif(shutil.which("pkg-config") is None, reason="needs pkg-config")


@pytest.mark.parametrize(
    ("path", "provided"),
    [
        ("/usr/share/pkgconfig/x.pc", "pkgconfig(x)"),
        ("/usr/lib/pkgconfig/gtk+-3.0.pc", "pkgconfig(gtk+-3.0)"),
        ("/usr/lib32/pkgconfig/x.pc", "pkgconfig32(x)"),
        ("/usr/lib/x/pkgconfig/deep/x.pc", "pkgconfig(x)"),
        ("/usr/share/x.pc", None),
        ("/usr/lib/pkgconfig/x.pcx", None),
    ],
)
def test_pc_files_stand_below_pkgconfig(path: str, provided: str | None) -> None:
    found = pkg_config_provides(path)
    assert (found and found.text) == provided


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Requires: zlib >= 1.2, libfoo\n", ["zlib", "libfoo"]),
        ("Requires: a b>=2 c\nRequires.private: d != 1,e\n", ["a", "b", "c", "d", "e"]),
        ("v=1.0\nx=lib${v}\nRequires: ${x} = ${v}  # why\n", ["lib1.0"]),
        ("Requires: a, \\\n b\nLibs: -lz\n", ["a", "b"]),
        ("Requires:\nConflicts: z\n", []),
        ("Name: none of it", []),
        ("x=${x}${x}\nRequires: ${x} ${y\n=\n: a\n", ["${y"]),
    ],
)
def test_requires_lines_are_read(text: str, names: list[str]) -> None:
    assert pkg_config_requires(text) == names


def test_variables_that_double_each_other_stay_small() -> None:
    lines = ["a0=xxxxxxxxxx", *(f"a{n + 1}=${{a{n}}}${{a{n}}}" for n in range(64)), "Requires: ${a64}"]
    (name,) = pkg_config_requires("\n".join(lines))
    assert len(name) <= 2**12


def test_pkg_config_is_believed_where_it_answers(tmp_path: Path) -> None:
    found = put_path(tmp_path, "/usr/lib/pkgconfig/x.pc", "Requires: other\n")
    answer = ToolResult(0, "zlib >= 1.2\n\nfoo\n")
    assert [str(one) for one in pkg_config_depends(site_of(tmp_path, answer), found)] == [
        "pkgconfig(zlib)",
        "pkgconfig(foo)",
    ]


@pytest.mark.parametrize(
    ("directory", "searched"),
    [
        ("lib", "/usr/lib/pkgconfig:/usr/share/pkgconfig"),
        ("lib32", "/usr/lib32/pkgconfig:/usr/lib/pkgconfig:/usr/share/pkgconfig"),
    ],
)
def test_pkg_config_is_asked_for_the_file_as_the_sandbox_sees_it(tmp_path: Path, directory: str, searched: str) -> None:
    asked: list[str] = []

    def run(arguments: Sequence[str]) -> ToolResult:
        asked.extend(arguments)
        return ToolResult(0, "")

    found = put_path(tmp_path, f"/usr/{directory}/pkgconfig/x.pc")
    site = replace(site_of(tmp_path), tools=Tools(run=run, install_root="/mason/install"))
    assert list(pkg_config_depends(site, found)) == []
    assert asked == [
        "env",
        "LC_ALL=C",
        f"PKG_CONFIG_PATH={searched}",
        "pkg-config",
        "--print-requires",
        "--print-requires-private",
        "--silence-errors",
        f"/mason/install/usr/{directory}/pkgconfig/x.pc",
    ]


def test_the_file_is_read_where_there_is_no_pkg_config(tmp_path: Path) -> None:
    found = put_path(tmp_path, "/usr/lib/pkgconfig/x.pc", "Requires: other\n")
    assert [str(one) for one in pkg_config_depends(site_of(tmp_path, ABSENT), found)] == ["pkgconfig(other)"]


def test_what_pkg_config_refuses_requires_nothing_and_is_told(tmp_path: Path) -> None:
    found = put_path(tmp_path, "/usr/lib/pkgconfig/x.pc", "Requires: other\n")
    lines: list[str] = []
    assert list(pkg_config_depends(site_of(tmp_path, ToolResult(1, ""), lines=lines), found)) == []
    assert lines == ["/usr/lib/pkgconfig/x.pc: pkg-config refuses it with status 1, so it requires nothing"]


def test_a_link_is_not_followed_here(tmp_path: Path) -> None:
    put(tmp_path, "/secret.pc", "Requires: secret\n")
    put(tmp_path, "/usr/lib/pkgconfig/y.pc")
    (tmp_path / "usr/lib/pkgconfig/x.pc").symlink_to(tmp_path / "secret.pc")
    found = look_at(tmp_path, "/usr/lib/pkgconfig/x.pc")
    lines: list[str] = []
    assert list(pkg_config_depends(site_of(tmp_path, ABSENT, lines=lines), found)) == []
    assert lines == ["/usr/lib/pkgconfig/x.pc: not read, for want of pkg-config"]


def test_32_bit_files_need_32_bit_files_where_there_are_some(tmp_path: Path) -> None:
    root, build_root = tmp_path / "install", tmp_path / "root"
    text = "Requires: here elsewhere\nRequires.private: in-the-root\n"
    found = put_path(root, "/usr/lib32/pkgconfig/x.pc", text)
    put(root, "/usr/lib32/pkgconfig/here.pc")
    put(build_root, "/usr/lib32/pkgconfig/in-the-root.pc")
    put(build_root, "/usr/lib/pkgconfig/elsewhere.pc")
    site = replace(site_of(root), tools=Tools(run=lambda _arguments: ABSENT, build_root=build_root))
    assert [str(one) for one in pkg_config_depends(site, found)] == [
        "pkgconfig32(here)",
        "pkgconfig(elsewhere)",
        "pkgconfig32(in-the-root)",
    ]


@needs_pkg_config
def test_the_real_pkg_config_answers(tmp_path: Path) -> None:
    head = "Name: x\nDescription: x\nVersion: 1\n"
    put(tmp_path, "/usr/lib/pkgconfig/beside.pc", head)
    put(tmp_path, "/usr/lib/pkgconfig/private.pc", head)
    found = put_path(tmp_path, "/usr/lib/pkgconfig/x.pc", f"{head}Requires: beside >= 0.5\nRequires.private: private\n")
    site = replace(site_of(tmp_path), tools=Tools())
    assert [str(one) for one in pkg_config_depends(site, found)] == ["pkgconfig(beside)", "pkgconfig(private)"]


@needs_pkg_config
@pytest.mark.parametrize("content", [b"\xff\xfe${x\nRequires: ${\n", b"Requires: gone-for-good\n", b"\0" * 100])
def test_the_real_pkg_config_refuses_broken_files(tmp_path: Path, content: bytes) -> None:
    found = put_path(tmp_path, "/usr/lib/pkgconfig/x.pc", content)
    lines: list[str] = []
    site = replace(site_of(tmp_path), tools=Tools(say=lines.append))
    assert list(pkg_config_depends(site, found)) == []
    assert lines == ["/usr/lib/pkgconfig/x.pc: pkg-config refuses it with status 1, so it requires nothing"]
