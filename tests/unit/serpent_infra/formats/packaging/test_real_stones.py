"""Real stones unpacked and packed again by recipes that say what theirs said (stone-spec 1.7, 5.4, 7.1)."""

from pathlib import Path

import pytest

from serpent_infra.formats.packaging import PackedKind, Tools, pack
from serpent_infra.formats.packaging.elf import read_elf
from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.formats.stone.extract import extract
from serpent_infra.formats.stone.layout import LayoutEntry
from serpent_infra.formats.stone.package import Package, verify_package
from tests.unit.serpent_infra.formats.packaging.install_trees import ABSENT

pytestmark = pytest.mark.real_data

ITALIAN_PIZZA = """
name: italian-pizza
version: 1
release: 1
homepage: https://github.com/serpent-os
license: Zlib
summary: A certain Italian pizza that hates pineapples
description: Me no like pineapples.
conflicts: [pineapple]
"""
NANO = """
name: nano
version: "8.3"
release: 33
homepage: https://www.nano-editor.org/
license: GPL-3.0-or-later
summary: GNU Text Editor
strip: false
"""


def packed_again(root: Path, recipe: str, *stones: Path) -> dict[str, Path]:
    """Unpacks stones into one tree and packs it; gives the new stones by package."""
    for stone in stones:
        extract(stone, root / "usr")
    for path in (root, *root.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    output = root.parent / "out"
    output.mkdir()
    files = pack(
        recipe=parse_recipe(recipe.encode()),
        install_root=root,
        output_dir=output,
        architecture="x86_64",
        tools=Tools(run=lambda _arguments: ABSENT),
    )
    return {file.package: file.path for file in files if file.kind is PackedKind.PACKAGE}


def by_target(package: Package) -> dict[str, LayoutEntry]:
    return {entry.target: entry for entry in package.layout}


def test_a_whole_stone_comes_out_byte_for_byte(shared_data: Path, tmp_path: Path) -> None:
    stone = shared_data / "stones/italian-pizza-1-1-1-x86_64.stone"
    made = packed_again(tmp_path / "install", ITALIAN_PIZZA, stone)
    assert made["italian-pizza"].name == stone.name
    assert made["italian-pizza"].read_bytes() == stone.read_bytes()


@pytest.fixture(scope="module")
def nano(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Package, Package]]:
    """The real packages of nano and ours, by name."""
    names = ("nano", "nano-dbginfo")
    stones = {name: shared_data / f"stones/{name}-8.3-33-1-x86_64.stone" for name in names}
    made = packed_again(tmp_path_factory.mktemp("nano") / "install", NANO, *stones.values())
    assert list(made) == list(names)
    assert [path.name for path in made.values()] == [path.name for path in stones.values()]
    return {name: (verify_package(stones[name]), verify_package(made[name])) for name in names}


def test_analysis_finds_what_the_real_builder_found(nano: dict[str, tuple[Package, Package]]) -> None:
    for name, (real, ours) in nano.items():
        assert ours.meta.depends == real.meta.depends, name
        assert ours.meta.provides == real.meta.provides, name
        assert ours.meta.summary == real.meta.summary, name
    assert {one.text for one in nano["nano"][1].meta.depends} == {
        "interpreter(/usr/lib/ld-linux-x86-64.so.2(x86_64))",
        "soname(libc.so.6(x86_64))",
        "soname(libmagic.so.1(x86_64))",
        "soname(libncursesw.so.6(x86_64))",
    }


def test_layouts_hold_the_same_and_stand_in_order(nano: dict[str, tuple[Package, Package]]) -> None:
    for real, ours in nano.values():
        assert by_target(ours) == by_target(real)
        # The real ones are older than boulder's sorting.
        assert [entry.target for entry in ours.layout] == sorted(
            (entry.target for entry in ours.layout), key=lambda target: target.split("/")
        )


def test_contents_are_the_same_by_size(nano: dict[str, tuple[Package, Package]]) -> None:
    for real, ours in nano.values():
        assert {one.digest: one.size for one in ours.ranges} == {one.digest: one.size for one in real.ranges}
        assert [one.size for one in ours.ranges] == [one.size for one in real.ranges]


def test_the_build_id_names_the_debug_file(
    nano: dict[str, tuple[Package, Package]], shared_data: Path, tmp_path: Path
) -> None:
    extract(shared_data / "stones/nano-8.3-33-1-x86_64.stone", tmp_path)
    with (tmp_path / "bin/nano").open("rb") as stream:
        facts = read_elf(stream)
    assert facts is not None
    assert facts.build_id is not None
    (target,) = by_target(nano["nano-dbginfo"][0])
    assert target == f"lib/debug/.build-id/{facts.build_id[:2]}/{facts.build_id[2:]}.debug"
