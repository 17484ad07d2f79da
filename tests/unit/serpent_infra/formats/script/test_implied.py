"""What scripts, toolchain and upstreams imply: read off the text, and the same as what expansion finds."""

from pathlib import Path

import pytest

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.recipe import Recipe, Toolchain, parse_recipe
from serpent_infra.formats.script import HostFacts, plan_build
from serpent_infra.formats.script.implied import EVERY_ROOT, implied_needs

_HEAD = """\
name: nano
version: "8.4"
release: 1
homepage: https://example.org
license: MPL-2.0
"""


def implied(text: str, architecture: str = "x86_64") -> dict[str, str]:
    return {need.text: need.by for need in implied_needs(parse_recipe((_HEAD + text).encode()), architecture)}


def test_a_macro_implies_what_it_and_the_macros_in_it_need() -> None:
    found = implied("build: |\n    %meson\n    %%cmake\n    echo %(nothing) %unknown\n")
    assert found["binary(meson)"] == "%meson"
    assert "binary(cmake)" not in found, "a doubled percent sign is no macro"
    found = implied("setup: |\n    %cmake_kf6\n")
    assert (found["cmake(ECM)"], found["binary(cmake)"]) == ("%cmake_kf6", "%cmake")


def test_what_the_recipe_names_itself_is_not_implied() -> None:
    assert "binary(meson)" not in implied("build: |\n    %meson\nbuilddeps:\n    - binary(meson)\n")


@pytest.mark.parametrize(
    ("text", "there", "by", "absent"),
    [
        ("", "clang", "the llvm toolchain", "binary(gcc)"),
        ("toolchain: gnu\n", "binary(g++)", "the gnu toolchain", "clang"),
        ("emul32: true\n", "clang-32bit", "its 32-bit build", "gcc-32bit"),
        ("emul32: true\ntoolchain: gnu\n", "libstdc++-32bit-devel", "its 32-bit build", "clang-32bit"),
        ("mold: true\n", "binary(mold)", "mold", "binary(gcc)"),
        ("", "linux-headers", EVERY_ROOT, "binary(vim)"),
    ],
)
def test_toolchain_and_root_imply_their_packages(text: str, there: str, by: str, absent: str) -> None:
    found = implied(text)
    assert found[there] == by
    assert absent not in found


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("a-1.tar.xz", ["binary(bsdtar-static)"]),
        ("a-1.ZIP", ["binary(bsdtar-static)"]),
        ("a-1.rpm", ["binary(rpm2cpio)", "cpio"]),
        ("a-1.deb", ["binary(ar)"]),
        ("a-1.patch", []),
        ("zip", []),
    ],
)
def test_an_upstream_implies_what_unpacks_it(name: str, needed: list[str]) -> None:
    found = implied(f"upstreams:\n    - https://example.org/{name}: {'0' * 64}\n")
    assert [text for text, by in found.items() if by.endswith("upstream")] == needed


def test_an_upstream_implies_what_unpacks_it_under_either_name() -> None:
    found = implied(f"upstreams:\n    - https://example.org/a.deb:\n        hash: {'0' * 64}\n        rename: a.rpm\n")
    assert [text for text, by in found.items() if by.endswith("upstream")] == ["binary(ar)", "binary(rpm2cpio)", "cpio"]


def test_a_recipe_of_another_architecture_implies_nothing() -> None:
    assert implied("architectures:\n    - aarch64\n", "x86_64") == {}


@pytest.mark.real_data
def test_it_finds_in_the_whole_tree_what_expanding_every_script_finds(recipe_tree: Path) -> None:
    places = sorted(recipe_tree.glob("*/*/stone.yaml"))
    recipes: list[Recipe] = [parse_recipe(place.read_bytes()) for place in places]
    host = HostFacts(architecture="x86_64", jobs=2, source_date_epoch=0, default_toolchain=Toolchain.LLVM)
    needed = [implied_needs(recipe, "x86_64") for recipe in recipes]
    by_macros = [{need.text for need in needs if need.by.startswith("%")} for needs in needed]
    expanded = [set(plan_build(recipe, host).dependencies) - set(recipe.build_depends) for recipe in recipes]
    assert by_macros == expanded
    assert sum(map(len, by_macros)) == 3497
    manifests = recipe_tree.glob("*/*/manifest.x86_64.bin")
    provided = {capability for place in manifests for meta in decode_manifest(place) for capability in meta.providers}
    texts = {need.text for needs in needed for need in needs}
    assert len(texts) > 40
    assert [text for text in sorted(texts) if Capability.parse(text) not in provided] == []
