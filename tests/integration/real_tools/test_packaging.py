"""Trees that boulder packs and that we pack: every stone and manifest byte for byte the same."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from serpent_infra.formats.packaging import Tools, pack
from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.formats.stone.package import read_package
from tests.integration.real_tools.build_root import Boulder

HEAD = """
name: twice
version: "1.0"
release: 3
homepage: https://example.org/twice
license: [Zlib, CC0-1.0]
summary: Doubles
description: |
    Doubles numbers – and –
    nothing else.
builddeps: [findutils, bash, sed]
checkdeps: [bash]
install: |
    mkdir -p %(installroot)
    cp -a %(pkgdir)/tree/. %(installroot)
"""

PLAIN = {
    "etc/twice.conf": "outside /usr\n",
    "usr/bin/twice": "#!/usr/bin/bash\n",
    "usr/bin/deep/twice": "deep\n",
    "usr/sbin/twiced": "daemon\n",
    "usr/include/twice.h": "int twice(int);\n",
    "usr/lib/libtwice.a": "archive\n",
    "usr/lib/libtwice.la": "libtool\n",
    "usr/lib/cmake/Twice/TwiceConfig.cmake": "set(x)\n",
    "usr/lib/cmake/Twice/twice-config.cmake": "set(y)\n",
    "usr/lib/cmake/Twice/Other-Config.cmake": "set(z)\n",
    "usr/lib32/libtwice.a": "small archive\n",
    "usr/lib32/data": "small\n",
    "usr/share/man/man1/twice.1": "page\n",
    "usr/share/man/man3/twice.3": "page\n",
    "usr/share/man/man9/twice.9": "kernel\n",
    "usr/share/gtk-doc/html/index.html": "<p>\n",
    "usr/share/vala/vapi/twice.vapi": "vapi\n",
    "usr/share/twice/a [b] *?.txt": "odd\n",
    "usr/share/twice/größe": "länge\n",
    "usr/share/twice/empty": "",
    "usr/share/twice/same-1": "the same\n",
    "usr/share/twice/same-2": "the same\n",
    "usr/share/twice/large": "0123456789\n" * 100_000,
    "usr/share/twice/extra/one": "1\n",
    "usr/share/twice/extra/two": "2\n",
    "usr/share/extra.d/x": "x\n",
}


def twins(boulder: Boulder, home: Path, tree: Path, text: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Lets boulder build a recipe that installs a tree, packs the same tree ourselves, and gives the files of both."""
    recipe = home / "recipe"
    shutil.copytree(tree, recipe / "pkg/tree", symlinks=True)
    (recipe / "stone.yaml").write_text(HEAD + text)
    done = boulder.build(recipe / "stone.yaml", home / "theirs", "-b", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    (home / "ours").mkdir()
    packed = pack(
        recipe=parse_recipe((recipe / "stone.yaml").read_bytes()),
        install_root=tree,
        output_dir=home / "ours",
        architecture="x86_64",
        build_release=2,
        tools=Tools(),
        strict=False,
    )
    theirs = {path.name: path.read_bytes() for path in (home / "theirs").iterdir()}
    return theirs, {file.path.name: file.path.read_bytes() for file in packed}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir(mode=0o755)
    return root


def fill(root: Path, files: dict[str, str]) -> None:
    """Writes files below a directory; programs may be run."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755 if "bin/" in name else 0o644)
    for directory, _, _ in os.walk(root):
        Path(directory).chmod(0o755)


def plain_tree(root: Path) -> None:
    """Makes one of each thing that the rules of packages and the analysis tell apart, but programs of machine code."""
    fill(root, PLAIN)
    (root / "usr/bin/double").symlink_to("twice")
    (root / "usr/lib/libtwice.so").symlink_to("libtwice.so.1")
    (root / "usr/lib/dangling").symlink_to("/nowhere/at all")
    (root / "usr/share/twice/hollow").mkdir(mode=0o755)
    (root / "usr/share/twice/private").mkdir()
    (root / "usr/share/twice/private").chmod(0o1770)
    (root / "usr/share/twice/extra").chmod(0o750)
    (root / "usr/bin/deep/twice").chmod(0o4711)
    (root / "usr/share/twice/same-2").chmod(0o600)


RECIPES = {
    "nothing more": "",
    "relations": "rundeps: [zlib, binary(sed), 'soname(libz.so.1(x86_64))', twice-devel]\n"
    "conflicts: [thrice, binary(thrice)]\n",
    "exclusions": "rundeps: [zlib, xz]\nrundeps-exclude: ['^name\\(z']\nprovides-exclude: ['twice\\)$', cmake]\n",
    "packages": """
packages:
    - "%(name)-extra":
        summary: More of %(name)
        rundeps: ["%(name)"]
        paths: [/usr/share/twice/extra, "/usr/share/*.d"]
    - "%(name)-devel":
        paths: [/usr/share/twice/large]
        rundeps: [more]
    - "%(name)-none":
        paths: [/usr/share/no/such/path]
    - alien:
        description: |
            About %(name) %(version)-%(release).
        conflicts: [alien-invasion]
        paths:
            - /usr/share/twice/same-?: any
            - "/usr/share/twice/a [[]b] *"
            - /usr/**/man1
""",
    "libtool kept": "lastrip: false\n",
}


@pytest.mark.parametrize("text", RECIPES)
def test_boulder_and_we_pack_the_same(boulder: Boulder, tmp_path: Path, tree: Path, text: str) -> None:
    plain_tree(tree)
    theirs, mine = twins(boulder, tmp_path, tree, RECIPES[text])
    assert sorted(theirs) == sorted(mine)
    assert [name for name in theirs if theirs[name] != mine[name]] == []
    assert len(mine) >= 7  # twice, -devel, -docs, -32bit, -32bit-devel and both manifests


PKG_CONFIG = {
    "lib/pkgconfig/twice.pc": "Requires: twice-core >= 1.0, twice-more\nRequires.private: twice-inner\n",
    "lib/pkgconfig/twice-core.pc": "",
    "lib/pkgconfig/twice-more.pc": "Requires: twice-core\n",
    "lib/pkgconfig/twice-inner.pc": "",
    "lib/pkgconfig/twice-lost.pc": "Requires: not-there-at-all\n",
    "share/pkgconfig/twice-data.pc": "Requires: twice-page\n",
    "share/pkgconfig/twice-page.pc": "",
    "lib32/pkgconfig/twice.pc": "Requires: twice-core\n",
    "lib32/pkgconfig/twice-core.pc": "",
}
CORE = """
packages:
    - "%(name)-core":
        paths: [/usr/lib/pkgconfig/twice-core.pc, /usr/lib/pkgconfig/twice-inner.pc, /usr/share/pkgconfig/twice-page.pc]
    - "%(name)-core-32bit":
        paths: [/usr/lib32/pkgconfig/twice-core.pc]
"""


def test_boulder_and_we_read_the_same_from_pkg_config(boulder: Boulder, tmp_path: Path, tree: Path) -> None:
    fill(tree, {f"usr/{name}": f"Name: x\nDescription: x\nVersion: 1.2\n{rest}" for name, rest in PKG_CONFIG.items()})
    theirs, mine = twins(boulder, tmp_path, tree, CORE)
    assert theirs["manifest.x86_64.jsonc"].decode() == mine["manifest.x86_64.jsonc"].decode()
    assert theirs == mine
    for capability in (b"pkgconfig(twice-core)", b"pkgconfig(twice-inner)", b"pkgconfig32(twice-core)"):
        assert capability in mine["manifest.x86_64.jsonc"]


def layout(stone: bytes) -> list[tuple[str, str, bytes, int]]:
    """Lists the paths of a package with link text, digest and mode; boulder 0.26.8 writes one dot too many."""
    return [
        (entry.target.replace("..zst", ".zst"), entry.link, entry.digest, entry.mode)
        for entry in read_package(stone).layout
    ]


def test_boulder_and_we_compress_the_same_pages(boulder: Boulder, tmp_path: Path, tree: Path) -> None:
    pages = {f"usr/share/man/man{section}/twice.{section}": f"page {section}\n" * 500 for section in range(1, 10)}
    fill(tree, {**pages, "usr/share/info/twice.info": "info\n" * 500, "usr/share/man/de/man1/twice.1": "Seite\n"})
    (tree / "usr/share/man/man1/double.1").symlink_to("twice.1")
    theirs, mine = twins(boulder, tmp_path, tree, "compressman: true\n")
    assert sorted(theirs) == sorted(mine)
    for name in (name for name in theirs if name.endswith(".stone")):
        assert layout(theirs[name]) == layout(mine[name])
    assert theirs["manifest.x86_64.bin"] == mine["manifest.x86_64.bin"]
    assert b"twice.info.zst" in mine["manifest.x86_64.jsonc"]


LIBRARY = "int twice(int x) { return 2 * x; }\n"
PROGRAM = "int twice(int); int main(int n, char **v) { return twice(n); }\n"


def compile_into(tree: Path) -> None:
    """Makes a library of two names, one of a directory of its own, and programs that need them."""
    source = tree.parent
    (source / "library.c").write_text(LIBRARY)
    (source / "program.c").write_text(PROGRAM)
    for folder in ("usr/lib/own", "usr/bin"):
        (tree / folder).mkdir(parents=True)
    own = tree / "usr/lib/own"
    gcc = ["gcc", "-g", "-O1", "-Wl,--build-id=sha1"]
    commands: list[list[str | Path]] = [
        [*gcc, "-shared", "-fPIC", "-Wl,-soname,libtwice.so.1", "-o", tree / "usr/lib/libtwice.so.1.0", "library.c"],
        [*gcc, "-shared", "-fPIC", "-Wl,-soname,libown.so", "-o", own / "libown.so", "library.c"],
        [*gcc, "-shared", "-fPIC", "-o", own / "plugin.so", "library.c"],
        [*gcc, "-o", tree / "usr/bin/one", "program.c", tree / "usr/lib/libtwice.so.1.0"],
        [*gcc, "-Wl,-rpath,$ORIGIN/../lib/own", "-o", tree / "usr/bin/two", "program.c", f"-L{own}", "-lown"],
        [*gcc, "-Wl,--build-id=none", "-o", own / "anonymous", "program.c", "library.c"],
        [*gcc, "-c", "-o", own / "object.o", "library.c"],
    ]
    for command in commands:
        subprocess.run(command, check=True, cwd=source, timeout=60)
    (tree / "usr/lib/libtwice.so.1").symlink_to("libtwice.so.1.0")
    (tree / "usr/lib/libtwice.so").symlink_to("libtwice.so.1")
    for directory, _, _ in os.walk(tree):
        Path(directory).chmod(0o755)


@pytest.mark.skipif(any(shutil.which(tool) is None for tool in ("gcc", "objcopy", "strip")), reason="needs gcc")
@pytest.mark.parametrize("options", ["", "debug: false\n", "strip: false\n", "debug: false\nstrip: false\n"])
def test_boulder_and_we_split_programs_the_same(boulder: Boulder, tmp_path: Path, tree: Path, options: str) -> None:
    compile_into(tree)
    theirs, mine = twins(boulder, tmp_path, tree, f"toolchain: gnu\n{options}")
    assert sorted(theirs) == sorted(mine)
    assert theirs["manifest.x86_64.jsonc"].decode() == mine["manifest.x86_64.jsonc"].decode()
    assert [name for name in theirs if theirs[name] != mine[name]] == []
    assert any("dbginfo" in name for name in mine) == (not options.startswith("debug"))
