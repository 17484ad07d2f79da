"""From an install tree to stones and manifests that read back."""

import json
import subprocess
from pathlib import Path

import pytest

from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.packaging import PackagingError, PackedFile, PackedKind, ToolResult, Tools, pack
from serpent_infra.formats.recipe import Recipe, parse_recipe
from serpent_infra.formats.stone.layout import EntryKind
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.package import verify_package
from tests.unit.serpent_infra.formats.packaging.compiled import needs_gcc
from tests.unit.serpent_infra.formats.packaging.install_trees import put

HEAD = """
name: twice
version: "1.0"
release: 3
homepage: https://example.org
license: [MPL-2.0, CC0-1.0]
summary: Doubles
description: |
    Doubles numbers.
builddeps: [pkgconfig(zlib)]
"""


def recipe(text: str = "") -> Recipe:
    return parse_recipe((HEAD + text).encode())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "install").mkdir()
    return tmp_path / "install"


def packed(root: Path, text: str = "", *, tools: Tools | None = None, strict: bool = True) -> list[PackedFile]:
    output = root.parent / "out"
    output.mkdir(exist_ok=True)
    return pack(
        recipe=recipe(text),
        install_root=root,
        output_dir=output,
        architecture="x86_64",
        build_release=2,
        tools=tools,
        strict=strict,
    )


def metas(files: list[PackedFile]) -> dict[str, Meta]:
    return {file.package: verify_package(file.path).meta for file in files if file.kind is PackedKind.PACKAGE}


def targets(file: PackedFile) -> list[str]:
    return [entry.target for entry in verify_package(file.path).layout]


def test_a_plain_tree_becomes_packages_and_manifests(root: Path) -> None:
    put(root, "/usr/bin/twice", "#!/bin/sh\n", mode=0o755)
    put(root, "/usr/include/twice.h", "int twice(int);\n")
    (root / "usr/bin/double").symlink_to("twice")
    files = packed(root, "rundeps: [sh]\nconflicts: [thrice]\n")
    assert [(file.kind, file.path.name) for file in files] == [
        (PackedKind.PACKAGE, "twice-1.0-3-2-x86_64.stone"),
        (PackedKind.PACKAGE, "twice-devel-1.0-3-2-x86_64.stone"),
        (PackedKind.BINARY_MANIFEST, "manifest.x86_64.bin"),
        (PackedKind.JSON_MANIFEST, "manifest.x86_64.jsonc"),
    ]
    assert all(file.size == file.path.stat().st_size for file in files)
    main = metas(files)["twice"]
    assert (main.source_id, main.version, main.release, main.build_release) == ("twice", "1.0", 3, 2)
    assert (main.summary, main.description, main.homepage) == ("Doubles", "Doubles numbers.", "https://example.org")
    assert set(main.licenses) == {"MPL-2.0", "CC0-1.0"}
    assert {str(one) for one in main.depends} == {"sh"}
    assert {str(one) for one in main.provides} == {"binary(twice)", "binary(double)"}
    assert {str(one) for one in main.conflicts} == {"thrice"}
    assert {str(one) for one in metas(files)["twice-devel"].depends} == {"twice"}


def test_everything_belongs_to_root_and_keeps_its_mode(root: Path) -> None:
    put(root, "/usr/lib/twice/secret", "x", mode=0o4711)
    put(root, "/usr/lib/twice/x", "x")
    (root / "usr/lib/twice").chmod(0o2750)
    (root / "usr/lib/link").symlink_to("./twice//x")
    layout = verify_package(packed(root)[0].path).layout
    assert {(entry.uid, entry.gid) for entry in layout} == {(0, 0)}
    modes = {entry.target: entry.mode for entry in layout}
    assert modes == {
        "lib/link": 0o120777,
        "lib/twice/secret": 0o104711,
        "lib/twice/x": 0o100644,
        "lib/twice": 0o042750,
    }
    links = [entry for entry in layout if entry.kind is EntryKind.SYMLINK]
    assert [link.link for link in links] == ["./twice//x"]


def test_packing_twice_gives_the_same_bytes(root: Path) -> None:
    put(root, "/usr/share/a", "same")
    put(root, "/usr/share/b", "same")
    put(root, "/usr/share/c", "longer")
    assert [file.sha256 for file in packed(root)] == [file.sha256 for file in packed(root)]


def test_manifests_agree_with_the_packages(root: Path) -> None:
    put(root, "/usr/bin/twice", "x", mode=0o755)
    put(root, "/usr/lib/debug/x.debug", "symbols")
    files = packed(root, "rundeps: [sh, binary(cat)]\n")
    binary, report = (next(file for file in files if file.kind is kind) for kind in list(PackedKind)[1:])
    (only,) = decode_manifest(binary.path)
    assert (only.name, only.build_release) == ("twice", 0)
    assert [str(one) for one in only.build_depends] == ["pkgconfig(zlib)"]
    assert {str(one) for one in only.depends} == {"sh", "binary(cat)"}
    package = json.loads(report.path.read_text().partition("\n")[2])["packages"]["twice"]
    assert package == {
        "build-depends": ["pkgconfig(zlib)"],
        "depends": ["binary(cat)", "sh"],
        "files": ["/usr/bin/twice"],
        "name": "twice",
        "provides": ["binary(twice)"],
    }


def test_exclusions_take_capabilities_away(root: Path) -> None:
    put(root, "/usr/bin/twice", "x")
    put(root, "/usr/bin/private-x", "x")
    put(root, "/usr/share/pkgconfig/twice.pc", "Requires: zlib, gone\n")
    text = "packages:\n  - twice-devel: {rundeps-exclude: ['gone'], provides-exclude: ['twice']}\n"
    text += "provides-exclude: ['\\(private-']\nrundeps: [gone]\n"
    no_tools = Tools(run=lambda _arguments: ToolResult(127, ""))
    found = metas(packed(root, text, tools=no_tools))
    assert {str(one) for one in found["twice"].provides} == {"binary(twice)"}
    assert {str(one) for one in found["twice-devel"].depends} == {"twice", "pkgconfig(zlib)"}
    assert found["twice-devel"].provides == frozenset()


def test_the_report_holds_exclusions_against_its_own_texts(root: Path) -> None:
    put(root, "/usr/bin/twice", "x")
    files = packed(
        root, "rundeps: [gone, stays, 'binary(gone)', 'nonsense(x)']\nrundeps-exclude: ['^gone$', '^name.stays']\n"
    )
    assert {str(one) for one in metas(files)["twice"].depends} == {"gone", "binary(gone)"}
    report = next(file for file in files if file.kind is PackedKind.JSON_MANIFEST)
    package = json.loads(report.path.read_text().partition("\n")[2])["packages"]["twice"]
    assert package["depends"] == ["binary(gone)", "nonsense(x)", "stays"]


def test_a_package_of_nothing_but_dropped_paths_is_metadata_alone(root: Path) -> None:
    put(root, "/usr/lib/libtwice.la", "x")
    put(root, "/usr/include/twice.h", "x")
    assert [(file.package, targets(file)) for file in packed(root)[:2]] == [
        ("twice", []),
        ("twice-devel", ["include/twice.h"]),
    ]


def test_content_stands_by_size_and_each_file_once(root: Path) -> None:
    for name, text in (("a", "12"), ("b", "1234"), ("c", "34"), ("d", "1234"), ("e", ""), ("f", "123456")):
        put(root, f"/usr/share/{name}", text)
    package = verify_package(packed(root)[0].path)
    assert [entry.target for entry in package.layout] == [f"share/{name}" for name in "abcdef"]
    digests = {entry.target[-1]: entry.digest for entry in package.layout}
    assert [(one.size, one.digest) for one in package.ranges] == [
        (6, digests["f"]),
        (4, digests["b"]),
        (2, digests["a"]),
        (2, digests["c"]),
        (0, digests["e"]),
    ]
    assert digests["b"] == digests["d"]


def test_every_debug_package_is_made_and_none_is_in_the_manifests(root: Path) -> None:
    put(root, "/usr/bin/twice", "x")
    put(root, "/usr/lib/debug/x.debug", "x")
    put(root, "/usr/lib32/debug/x.debug", "x")
    files = packed(root)
    assert [file.package for file in files if file.package] == ["twice", "twice-32bit-dbginfo", "twice-dbginfo"]
    binary, report = (next(file for file in files if file.kind is kind) for kind in list(PackedKind)[1:])
    assert [meta.name for meta in decode_manifest(binary.path)] == ["twice"]
    assert list(json.loads(report.path.read_text().partition("\n")[2])["packages"]) == ["twice"]


def test_libtool_archives_are_dropped_unless_the_recipe_keeps_them(root: Path) -> None:
    put(root, "/usr/lib/libtwice.la", "x")
    put(root, "/usr/share/keep.la", "x")
    assert targets(packed(root)[0]) == ["share/keep.la"]
    assert targets(packed(root, "lastrip: false\n")[0]) == ["lib/libtwice.la", "share/keep.la"]


def test_a_path_outside_usr_fails_and_is_named(root: Path) -> None:
    put(root, "/usr/bin/twice", "x")
    put(root, "/etc/twice.conf", "x")
    with pytest.raises(PackagingError, match=r"/etc/twice\.conf") as caught:
        packed(root)
    assert caught.value.paths == ("/etc/twice.conf",)
    assert targets(packed(root, strict=False)[0]) == ["bin/twice"]


def test_an_empty_tree_fails(root: Path) -> None:
    with pytest.raises(PackagingError, match="nothing to pack"):
        packed(root)


@needs_gcc
def test_symbols_move_to_their_own_package_and_programs_are_stripped(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "x.c"
    source.write_text("int main(void) { return 0; }\n")
    program = put(root, "/usr/bin/twice")
    subprocess.run(["gcc", "-g", "-Wl,--build-id=sha1", source, "-o", program], check=True)
    before = program.stat().st_size
    (root / "usr/bin/linked").hardlink_to(program)
    files = packed(root)
    assert program.stat().st_size < before
    assert [file.package for file in files][:2] == ["twice", "twice-dbginfo"]
    (debug,) = targets(files[1])
    assert debug.startswith("lib/debug/.build-id/")
    assert (root / "usr" / debug).stat().st_size > 0
    assert debug.rpartition("/")[2].encode() in program.read_bytes()
    assert "interpreter(/lib64/ld-linux-x86-64.so.2(x86_64))" in {one.text for one in metas(files)["twice"].depends}
    assert [meta.name for meta in decode_manifest(files[2].path)] == ["twice"]


@needs_gcc
def test_debug_and_strip_are_the_recipes_choice(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "x.c"
    source.write_text("int main(void) { return 0; }\n")
    program = put(root, "/usr/bin/twice")
    subprocess.run(["gcc", "-g", "-Wl,--build-id=sha1", source, "-o", program], check=True)
    before = program.read_bytes()
    assert [file.package for file in packed(root, "debug: false\nstrip: false\n")][:2] == ["twice", ""]
    assert program.read_bytes() == before


@needs_gcc
def test_a_link_in_the_place_of_the_debug_directory_fails(root: Path, tmp_path: Path) -> None:
    source, outside = tmp_path / "x.c", tmp_path / "outside"
    outside.mkdir()
    source.write_text("int main(void) { return 0; }\n")
    program = put(root, "/usr/bin/twice")
    subprocess.run(["gcc", "-g", "-Wl,--build-id=sha1", source, "-o", program], check=True)
    (root / "usr/lib").symlink_to(outside)
    with pytest.raises(PackagingError, match=r"^/usr/lib/debug/\.build-id/[0-9a-f]{2}: "):
        packed(root)
    assert list(outside.iterdir()) == []


@needs_gcc
def test_a_tool_that_fails_is_told_and_stops_nothing(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "x.c"
    source.write_text("int main(void) { return 0; }\n")
    program = put(root, "/usr/bin/twice")
    subprocess.run(["gcc", "-g", "-Wl,--build-id=sha1", source, "-o", program], check=True)
    lines: list[str] = []
    tools = Tools(run=lambda _arguments: ToolResult(1, "", "first\nno such thing\n"), say=lines.append)
    assert packed(root, tools=tools)[0].package == "twice"
    assert lines[:2] == ["/usr/bin/twice: objcopy: no such thing", "/usr/bin/twice: strip: no such thing"]


def test_manual_pages_are_compressed_where_asked_for(root: Path) -> None:
    put(root, "/usr/share/man/man1/twice.1", "page\n" * 100)
    put(root, "/usr/share/man/man1/zz", "page\n")
    put(root, "/usr/share/man/man3/twice.3", "page\n")
    put(root, "/usr/share/info/twice.info", "page\n")
    (root / "usr/share/man/man1/double.1").symlink_to("twice.1")
    files = packed(root, "compressman: true\npackages:\n  - pages: {paths: [/usr/share/man/man1/twice.1]}\n")
    assert {file.package: targets(file) for file in files if file.package} == {
        "pages": ["share/man/man1/twice.1.zst"],  # by the rule for the page itself
        "twice": ["share/info/twice.info.zst", "share/man/man1/double.1.zst", "share/man/man1/zz"],
        "twice-devel": ["share/man/man3/twice.3.zst"],
    }
    entries = [entry for file in files if file.package for entry in verify_package(file.path).layout]
    assert {entry.kind for entry in entries} == {EntryKind.REGULAR}
    digests = {entry.target: entry.digest for entry in entries}
    assert digests["share/man/man1/double.1.zst"] == digests["share/man/man1/twice.1.zst"]


def test_manual_pages_are_left_alone_otherwise(root: Path) -> None:
    put(root, "/usr/share/man/man1/twice.1", "page\n")
    assert targets(packed(root)[0]) == ["share/man/man1/twice.1"]
