"""What a recipe needs without saying so: boulder asks a repository for just that, and for what people want."""

import hashlib
import re
from pathlib import Path

import pytest

from serpent_infra.formats.recipe import parse_recipe
from tests.integration.real_tools.build_root import Boulder, needs_of

HEAD = """
name: implied
version: "1"
release: 1
homepage: https://example.org
license: CC0-1.0
summary: Needs
description: Needs
install: |
    install -D /usr/bin/bash %(installroot)%(bindir)/implied
    exit 0
"""
# What stands after `exit 0` is expanded and never run.
RECIPES = {
    "nothing": "",
    "llvm by name": "toolchain: llvm\n",
    "gnu": "toolchain: gnu\n",
    "32 bit": "emul32: true\n",
    "32 bit by gnu": "emul32: true\ntoolchain: gnu\n",
    "mold": "mold: true\n",
    "dependencies by name": "builddeps: [pkgconfig(zlib), bash]\ncheckdeps: [binary(expect)]\n",
    "dependencies of a profile": "profiles:\n    - x86_64:\n        builddeps: [nasm]\n",
    "macros": "    %cmake\n    %meson\n    %cargo_build\n    %python_setup\n    %patch x\n",
    "macros of a profile that is not built": "profiles:\n    - emul32/x86_64:\n        check: '%meson_test'\n",
}
UPSTREAMS = {"a.tar.xz": "", "a.rpm": "", "a.deb": "", "a.bin": "", "xz": "", "b.zip": "b.rpm"}  # to its new name


def check(home: Path, shell: Path, text: str) -> None:
    """Builds a recipe in a repository that offers what we say and nothing else; all of it must be installed."""
    (home / "recipe").mkdir()
    path = home / "recipe/stone.yaml"
    path.write_text(HEAD + text)
    boulder = Boulder.prepare(home / "boulder", needs_of(parse_recipe(path.read_bytes())), shell)
    done = boulder.build(path, home / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    offered = {stone.name.partition("-8.4-1-1-")[0] for stone in (home / "boulder/repository").glob("*.stone")}
    assert set(re.findall(r"^Installed (\S+)$", done.stdout, re.MULTILINE)) == offered


@pytest.mark.parametrize("name", RECIPES)
def test_boulder_installs_what_we_say_a_recipe_implies(shell: Path, tmp_path: Path, name: str) -> None:
    check(tmp_path, shell, RECIPES[name])


@pytest.mark.parametrize("name", UPSTREAMS)
def test_boulder_installs_what_we_say_an_upstream_implies(shell: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("never unpacked")
    digest = hashlib.sha256(b"never unpacked").hexdigest()
    rename = f"        rename: {UPSTREAMS[name]}\n" if UPSTREAMS[name] else ""
    uri = f"file://{tmp_path}/{name}"
    check(tmp_path, shell, f"upstreams:\n    - {uri}:\n        hash: {digest}\n        unpack: false\n{rename}")
