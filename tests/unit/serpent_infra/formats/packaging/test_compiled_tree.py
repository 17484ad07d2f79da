"""A small tree of compiled software, packed, read back in strict mode, and held against what binutils say."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import xxhash

from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.packaging import PackedFile, PackedKind, Tools, pack
from serpent_infra.formats.recipe import Recipe, parse_recipe
from serpent_infra.formats.stone.package import Package, verify_package
from tests.unit.serpent_infra.formats.packaging.compiled import (
    build_id,
    library,
    library_of_32_bits,
    needs_gcc,
    program,
    readelf,
)
from tests.unit.serpent_infra.formats.packaging.install_trees import ABSENT, put

pytestmark = needs_gcc

RECIPE = """
name: twice
version: "1.0"
release: 3
homepage: https://example.org
license: [MPL-2.0, CC0-1.0]
summary: Doubles
builddeps: [pkgconfig(zlib)]
emul32: true
toolchain: gnu
compressman: true
rundeps-exclude: ['soname\\(libc\\.so']
packages:
    - "%(name)-libs": {paths: [/usr/lib/libtwice.so.*, /usr/lib/ld-twice.so.1]}
"""
USES_IT = "int answer(void); int main(void) { return answer(); }\n"


@dataclass(frozen=True)
class Packed:
    """What was made of the tree; `build_ids` by installed path, taken before packing."""

    files: list[PackedFile]
    packages: dict[str, Package]
    build_ids: dict[str, str]
    root: Path


def recipe() -> Recipe:
    return parse_recipe(RECIPE.encode())


def build(root: Path) -> dict[str, str]:
    """Fills an install tree as a build does; gives the build ids."""
    lib, lib32, share = root / "usr/lib", root / "usr/lib32", root / "usr/share"
    plugin = library(lib / "twice/libplugin.so", "libplugin.so")
    shared = library(lib / "libtwice.so.1.0", "libtwice.so.1")
    library(lib / "ld-twice.so.1", "ld-twice.so.1")
    library_of_32_bits(lib32 / "libtwice.so.1", "libtwice.so.1")
    program(root / "usr/bin/twice", shared, plugin, "-Wl,-rpath,$ORIGIN/../lib/twice", source=USES_IT)
    program(root / "usr/sbin/twiced")
    (root / "usr/bin/double").symlink_to("twice")
    for directory, file in ((lib, "libtwice.so.1.0"), (lib32, "libtwice.so.1")):
        (directory / "libtwice.so").symlink_to(file)
    (lib / "libtwice.so.1").symlink_to("libtwice.so.1.0")
    put(root, "/usr/lib/libtwice.la", "# libtool\n")
    put(root, "/usr/lib/pkgconfig/twice.pc", "Requires: zlib\nRequires.private: half >= 2\n")
    put(root, "/usr/lib32/pkgconfig/twice.pc", "Requires: half\n")
    put(root, "/usr/lib32/pkgconfig/half.pc", "")
    put(root, "/usr/lib/cmake/Twice/TwiceConfig.cmake", "")
    put(root, "/usr/include/twice.h", "int answer(void);\n")
    metadata = 'Name: Twice_Py\nRequires-Dist: Half.Py\nRequires-Dist: old; python_version < "3"\n'
    put(root, "/usr/lib/python3.13/site-packages/twice_py-1.dist-info/METADATA", metadata)
    put(root, "/usr/share/man/man1/twice.1", ".TH TWICE 1\n")
    (share / "man/man1/double.1").symlink_to("twice.1")
    (share / "twice").mkdir()
    for path in (root, *root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    (share / "twice").chmod(0o750)
    elf = ("bin/twice", "sbin/twiced", "lib/libtwice.so.1.0", "lib/twice/libplugin.so", "lib32/libtwice.so.1")
    return {path: build_id(root / "usr" / path) for path in (*elf, "lib/ld-twice.so.1")}


def without_pkg_config() -> Tools:
    """Gives the machine's binutils, but no pkg-config: what it answers depends on what the machine has."""
    here = Tools()
    return Tools(run=lambda arguments: ABSENT if "pkg-config" in arguments else here.run(arguments))


def pack_into(root: Path, output: Path) -> list[PackedFile]:
    output.mkdir()
    return pack(
        recipe=recipe(),
        install_root=root,
        output_dir=output,
        architecture="x86_64",
        build_release=2,
        tools=without_pkg_config(),
    )


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    directory = tmp_path_factory.mktemp("twice")
    build_ids = build(directory / "install")
    files = pack_into(directory / "install", directory / "out")
    packages = {file.package: verify_package(file.path, strict=True) for file in files if file.package}
    return Packed(files, packages, build_ids, directory / "install")


def targets(package: Package) -> list[str]:
    return [entry.target for entry in package.layout]


def debug_path(build_id: str, directory: str = "lib") -> str:
    return f"{directory}/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"


def test_every_path_is_in_its_package(packed: Packed) -> None:
    ids = packed.build_ids
    assert {name: targets(package) for name, package in packed.packages.items()} == {
        "twice": [
            "bin/double",
            "bin/twice",
            "lib/python3.13/site-packages/twice_py-1.dist-info/METADATA",
            "lib/twice/libplugin.so",
            "sbin/twiced",
            "share/man/man1/double.1.zst",
            "share/man/man1/twice.1.zst",
            "share/twice",
        ],
        "twice-32bit": ["lib32/libtwice.so.1"],
        "twice-32bit-dbginfo": [debug_path(ids["lib32/libtwice.so.1"], "lib32")],
        "twice-32bit-devel": ["lib32/libtwice.so", "lib32/pkgconfig/half.pc", "lib32/pkgconfig/twice.pc"],
        # In the order in which the files that they come from were analysed.
        "twice-dbginfo": [
            debug_path(ids[path])
            for path in (
                "bin/twice",
                "lib/ld-twice.so.1",
                "lib/libtwice.so.1.0",
                "lib/twice/libplugin.so",
                "sbin/twiced",
            )
        ],
        "twice-devel": [
            "include/twice.h",
            "lib/cmake/Twice/TwiceConfig.cmake",
            "lib/libtwice.so",
            "lib/pkgconfig/twice.pc",
        ],
        "twice-libs": ["lib/ld-twice.so.1", "lib/libtwice.so.1", "lib/libtwice.so.1.0"],
    }


def test_providers_are_what_the_files_show(packed: Packed) -> None:
    places = [f"{place}/ld-twice.so.1(x86_64)" for place in ("/usr/lib64", "/lib64", "/lib", "/usr/lib")]
    assert {name: {one.text for one in package.meta.provides} for name, package in packed.packages.items()} == {
        "twice": {
            "binary(twice)",
            "binary(double)",
            "sysbinary(twiced)",
            "soname(twice/libplugin.so(x86_64))",
            "python(twice-py)",
        },
        "twice-32bit": {"soname(libtwice.so.1(386))"},
        "twice-32bit-dbginfo": set(),
        "twice-32bit-devel": {"pkgconfig32(twice)", "pkgconfig32(half)"},
        "twice-dbginfo": set(),
        "twice-devel": {"pkgconfig(twice)", "cmake(Twice)"},
        "twice-libs": {
            "soname(libtwice.so.1(x86_64))",
            "soname(ld-twice.so.1(x86_64))",
            *(f"{kind}({place})" for place in places for kind in ("interpreter", "soname")),
        },
    }


def test_dependencies_are_what_the_files_need_and_the_recipe_says(packed: Packed) -> None:
    assert {name: {str(one) for one in package.meta.depends} for name, package in packed.packages.items()} == {
        # Its own plugin is found by its RUNPATH, and the C library is excluded.
        "twice": {
            "soname(libtwice.so.1(x86_64))",
            "interpreter(/lib64/ld-linux-x86-64.so.2(x86_64))",
            "python(half-py)",
        },
        "twice-32bit": {"twice"},
        "twice-32bit-dbginfo": set(),
        "twice-32bit-devel": {"twice-32bit", "twice-devel"},
        "twice-dbginfo": set(),
        "twice-devel": {"twice", "pkgconfig(zlib)", "pkgconfig(half)"},
        "twice-libs": set(),
    }


def test_debug_files_belong_to_the_stripped_files(packed: Packed) -> None:
    for path, wanted in packed.build_ids.items():
        debug = packed.root / "usr" / debug_path(wanted, "lib32" if path.startswith("lib32") else "lib")
        stripped = packed.root / "usr" / path
        assert build_id(stripped) == build_id(debug) == wanted
        assert ".gnu_debuglink" in readelf("-S", stripped)
        assert ".debug_info" not in readelf("-S", stripped)
        assert ".debug_info" in readelf("-S", debug)
        assert debug.name in readelf("--string-dump=.gnu_debuglink", stripped)


def test_programs_lose_all_symbols_and_libraries_keep_those_to_link_with(packed: Packed) -> None:
    assert ".symtab" not in readelf("-s", packed.root / "usr/bin/twice")
    assert "answer" in readelf("-s", packed.root / "usr/lib/libtwice.so.1.0")


def test_packages_hold_the_files_as_they_are_after_analysis(packed: Packed) -> None:
    for package in packed.packages.values():
        sizes = {one.digest: one.size for one in package.ranges}
        for entry in package.layout:
            if entry.digest:
                content = (packed.root / "usr" / entry.target).read_bytes()
                assert entry.digest == xxhash.xxh3_128_digest(content)
                assert sizes[entry.digest] == len(content)
        assert [one.size for one in package.ranges] == sorted((one.size for one in package.ranges), reverse=True)


def test_modes_and_links_are_kept(packed: Packed) -> None:
    entries = {entry.target: entry for package in packed.packages.values() for entry in package.layout}
    assert entries["share/twice"].mode == 0o040750
    assert entries["bin/twice"].mode == 0o100755
    assert (entries["bin/double"].mode, entries["bin/double"].link) == (0o120777, "twice")


def test_manifests_leave_debug_packages_out(packed: Packed) -> None:
    binary = next(file for file in packed.files if file.kind is PackedKind.BINARY_MANIFEST)
    names = [meta.name for meta in decode_manifest(binary.path, strict=True)]
    assert names == ["twice", "twice-32bit", "twice-32bit-devel", "twice-devel", "twice-libs"]


def sums(files: list[PackedFile]) -> dict[str, str]:
    return {file.path.name: file.sha256 for file in files}


def test_the_same_build_in_another_directory_gives_the_same_bytes(packed: Packed, tmp_path: Path) -> None:
    build(tmp_path / "elsewhere")
    assert sums(pack_into(tmp_path / "elsewhere", tmp_path / "out")) == sums(packed.files)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_neither_the_seed_of_hashes_nor_the_order_of_making_changes_a_byte(
    packed: Packed, tmp_path: Path, seed: str
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    build(first)
    for source in sorted(first.rglob("*"), reverse=True):
        target = second / source.relative_to(first)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink() or source.is_file():
            shutil.copy2(source, target, follow_symlinks=False)
    (second / "usr/share/twice").mkdir()
    for source in first.rglob("*"):
        if source.is_dir():
            shutil.copymode(source, second / source.relative_to(first))
    code = (
        f"import sys; from pathlib import Path; from {__name__} import pack_into; pack_into(*map(Path, sys.argv[1:]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[5])}
    subprocess.run([sys.executable, "-c", code, second, tmp_path / "out"], env=environment, check=True)
    made = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "out").iterdir()}
    assert made == sums(packed.files)
