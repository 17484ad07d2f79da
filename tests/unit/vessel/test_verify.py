"""A fetched stone is what it says, and says what was ordered."""

from pathlib import Path

import pytest

from serpent_infra.formats.stone.package import read_package
from serpent_infra.formats.stone.writer import write_package
from tests.factories.vessel import make_meta, make_stone
from vessel.orders import Expected
from vessel.verify import StoneRefused, verify_stone

REAL_STONES = [
    "nano-8.3-33-1-x86_64.stone",
    "nano-dbginfo-8.3-33-1-x86_64.stone",
    "bash-completion-2.11-1-1-x86_64.stone",
    "italian-pizza-1-1-1-x86_64.stone",
]


def expecting(**changes: object) -> Expected:
    fields: dict[str, object] = {
        "source_name": "nano",
        "version": "8.4",
        "release": 3,
        "build_release": 1,
        "architecture": "x86_64",
        "package_names": ("nano", "nano-devel"),
        "trusted": True,
    }
    return Expected(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def stone(tmp_path: Path) -> Path:
    return make_stone(tmp_path, make_meta("nano", release=3))


def test_what_was_ordered_is_accepted(stone: Path) -> None:
    assert verify_stone(stone, expected=expecting()).name == "nano"


def test_a_sub_package_of_the_source_is_accepted(tmp_path: Path) -> None:
    stone = make_stone(tmp_path, make_meta("nano-devel", release=3, source_id="nano"))
    assert verify_stone(stone, expected=expecting()).name == "nano-devel"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source_name": "pico"}, r"source name is 'nano', 'pico' was ordered"),
        ({"version": "8.5"}, r"version is '8.4', '8.5' was ordered"),
        ({"release": 4}, r"release is 3, 4 was ordered"),
        ({"build_release": 2}, r"build release is 1, 2 was ordered"),
        ({"architecture": "aarch64"}, r"architecture is 'x86_64', 'aarch64' was ordered"),
    ],
)
def test_anything_else_is_refused_and_the_field_named(stone: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(StoneRefused, match=f"nano-8.4-3-1-x86_64.stone: {words}"):
        verify_stone(stone, expected=expecting(**change))


def test_a_package_that_the_recipe_does_not_produce_is_refused(tmp_path: Path) -> None:
    # What a compromised builder would send: somebody else's package under the source that it was asked to build.
    stone = make_stone(tmp_path, make_meta("glibc", release=3, source_id="nano"))
    with pytest.raises(StoneRefused, match=r"nano has no package 'glibc'"):
        verify_stone(stone, expected=expecting())


def test_a_file_name_that_the_metadata_does_not_give_is_refused(stone: Path) -> None:
    renamed = stone.rename(stone.with_name("pico-8.4-3-1-x86_64.stone"))
    with pytest.raises(StoneRefused, match=r"its metadata would name it 'nano-8.4-3-1-x86_64.stone'"):
        verify_stone(renamed, expected=expecting())


@pytest.mark.parametrize("name", ["../nano", "na/no", ".nano", "-nano", "na no", "nano\n"])
def test_a_package_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    strange = make_stone_named(tmp_path / "strange.stone", name)
    with pytest.raises(StoneRefused, match=r"strange\.stone: .*no name for a package"):
        verify_stone(strange, expected=expecting(package_names=(name,)))


def make_stone_named(path: Path, name: str) -> Path:
    write_package(path, make_meta(name, release=3, source_id="nano", provides=frozenset()), [], workers=1)
    return path


@pytest.mark.parametrize("position", [5, 40, 70, -1])
def test_damage_anywhere_is_refused(stone: Path, position: int) -> None:
    data = bytearray(stone.read_bytes())
    data[position] ^= 0x10
    stone.write_bytes(data)
    with pytest.raises(StoneRefused, match=r"nano-8\.4-3-1-x86_64\.stone"):
        verify_stone(stone, expected=expecting())


@pytest.mark.parametrize("keep", [0, 31, 64, -1])
def test_a_truncated_file_is_refused(stone: Path, keep: int) -> None:
    stone.write_bytes(stone.read_bytes()[:keep])
    with pytest.raises(StoneRefused):
        verify_stone(stone, expected=expecting())


def test_bytes_after_the_end_are_refused(stone: Path) -> None:
    stone.write_bytes(stone.read_bytes() + b"more")
    with pytest.raises(StoneRefused):
        verify_stone(stone, expected=expecting())


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL_STONES)
def test_real_stones_are_accepted(shared_data: Path, name: str) -> None:
    path = shared_data / "stones" / name
    meta = read_package(path).meta
    expected = Expected(
        source_name=meta.source_id,
        version=meta.version,
        release=meta.release,
        build_release=meta.build_release,
        architecture=meta.architecture,
        package_names=(meta.name,),
        trusted=True,
    )
    assert verify_stone(path, expected=expected) == meta
