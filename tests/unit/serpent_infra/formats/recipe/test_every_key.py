"""Every key of the format is known, typed by its own rule, and refuses what is of another kind."""

from dataclasses import replace

import pytest

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe import (
    Archive,
    Build,
    Git,
    Options,
    Package,
    PathKind,
    PathRule,
    Toolchain,
    TuningChoice,
    parse_recipe,
)

HEAD = 'name: nano\nversion: "9.2"\nrelease: 42\nhomepage: https://example.org\nlicense: MPL-2.0\n'
HASH = "ab" * 32
SCRIPTS = ("setup", "build", "install", "check", "workload", "environment")
BOOLEANS = ("emul32", "mold", "debug", "strip", "lastrip", "networking", "compressman", "cspgo", "samplepgo")
TEXT_LISTS = (
    *("builddeps", "checkdeps", "rundeps", "rundeps-exclude", "provides-exclude", "conflicts", "architectures"),
)
LISTS = (*TEXT_LISTS, "upstreams", "paths", "packages", "profiles", "tuning")
REQUIRED = ("name", "version", "release", "homepage", "license")


def without(key: str) -> str:
    return "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(key))


def test_a_recipe_of_every_key_is_read_without_a_warning() -> None:
    text = f"""
name: nano
version: 9.2.1
release: 42
homepage: https://example.org
license: [GPL-3.0-or-later, MPL-2.0]
summary: An editor
description: |
    Edits.
upstreams:
    - https://example.org/a.tar.xz: {HASH}
    - https://example.org/b.tar.xz: {{hash: {HASH}, rename: c, stripdirs: 2, unpack: "false", unpackdir: d}}
    - git|https://example.org/e.git: {{ref: main, clonedir: f}}
builddeps: [one]
checkdeps: [two]
rundeps: [three]
rundeps-exclude: ["^four"]
provides-exclude: [five$]
conflicts: [six]
paths:
    - /usr/share/seven
    - /usr/bin/eight: exe
packages:
    - "%(name)-extra":
        summary: More
        description: Much more
        rundeps: [nine]
        rundeps-exclude: [ten]
        provides-exclude: [eleven]
        paths: [/usr/lib/extra: special]
        conflicts: [twelve]
{"".join(f"{key}: the {key}" + chr(10) for key in SCRIPTS)}
profiles:
    - emul32:
{"".join(f"        {key}: its {key}" + chr(10) for key in SCRIPTS)}
        builddeps: [thirteen]
        checkdeps: [fourteen]
architectures: [native, emul32/x86_64]
tuning: [lto: full, icf: false, sections]
toolchain: llvm
emul32: true
mold: "true"
debug: false
strip: "false"
lastrip: false
networking: true
compressman: true
cspgo: true
samplepgo: true
"""
    recipe = parse_recipe(text.encode())
    assert recipe.warnings == ()
    assert (recipe.name, recipe.version, recipe.release) == ("nano", "9.2.1", 42)
    assert (recipe.homepage, recipe.licences) == ("https://example.org", ("GPL-3.0-or-later", "MPL-2.0"))
    assert recipe.upstreams == (
        Archive(uri="https://example.org/a.tar.xz", sha256=HASH),
        Archive(
            uri="https://example.org/b.tar.xz", sha256=HASH, rename="c", strip_dirs=2, unpack=False, unpack_dir="d"
        ),
        Git(uri="https://example.org/e.git", ref="main", clone_dir="f"),
    )
    assert recipe.root == Package(
        summary="An editor",
        description="Edits.\n",
        rundeps=("three",),
        rundeps_exclude=("^four",),
        provides_exclude=("five$",),
        paths=(PathRule("/usr/share/seven"), PathRule("/usr/bin/eight", PathKind.EXE)),
        conflicts=("six",),
    )
    extra = Package(
        summary="More",
        description="Much more",
        rundeps=("nine",),
        rundeps_exclude=("ten",),
        provides_exclude=("eleven",),
        paths=(PathRule("/usr/lib/extra", PathKind.SPECIAL),),
        conflicts=("twelve",),
    )
    assert recipe.packages == (("%(name)-extra", extra),)
    assert recipe.build == Build(scripts={key: f"the {key}" for key in SCRIPTS}, builddeps=("one",), checkdeps=("two",))
    profile = Build(scripts={key: f"its {key}" for key in SCRIPTS}, builddeps=("thirteen",), checkdeps=("fourteen",))
    assert recipe.profiles == (("emul32", profile),)
    assert recipe.architectures == ("native", "emul32/x86_64")
    assert recipe.tuning == (
        TuningChoice("lto", choice="full"),
        TuningChoice("icf", enabled=False),
        TuningChoice("sections"),
    )
    switched = dict.fromkeys(BOOLEANS, True) | dict.fromkeys(("debug", "strip", "lastrip"), False)
    assert recipe.options == Options(toolchain=Toolchain.LLVM, **switched)


@pytest.mark.parametrize("key", [*SCRIPTS, *BOOLEANS, "summary", "description", "toolchain"])
@pytest.mark.parametrize("value", ["[x]", "{x: y}"])
def test_where_text_belongs_lists_and_maps_are_refused(key: str, value: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_recipe(f"{HEAD}{key}: {value}\n".encode())
    assert (caught.value.line, caught.value.column) == (6, len(key) + 3)
    assert f"expected text for '{key}', not a" in caught.value.reason


@pytest.mark.parametrize("key", LISTS)
@pytest.mark.parametrize("value", ["x", "{x: y}", "'~'"])
def test_where_a_list_belongs_text_and_maps_are_refused(key: str, value: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_recipe(f"{HEAD}{key}: {value}\n".encode())
    assert (caught.value.line, caught.value.column) == (6, len(key) + 3)
    assert caught.value.reason == f"expected a list for '{key}'"


@pytest.mark.parametrize("key", LISTS)
@pytest.mark.parametrize("value", ["", "~", "null"])
def test_a_list_that_is_nothing_is_empty(key: str, value: str) -> None:
    recipe = parse_recipe(f"{HEAD}{key}: {value}\n".encode())
    assert replace(recipe, warnings=()) == parse_recipe(HEAD.encode())


@pytest.mark.parametrize("key", TEXT_LISTS)
@pytest.mark.parametrize("item", ["[x]", "{x: y}", "~", "''"])
def test_where_a_list_of_text_belongs_other_items_are_refused(key: str, item: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_recipe(f"{HEAD}{key}:\n  - x\n  - {item}\n".encode())
    assert (caught.value.line, caught.value.column) == (8, 5)
    assert f"'{key}'" in caught.value.reason


@pytest.mark.parametrize("key", BOOLEANS)
@pytest.mark.parametrize("value", ["yes", "True", "1", "on", "'TRUE'"])
def test_a_switch_is_true_or_false_and_nothing_else(key: str, value: str) -> None:
    with pytest.raises(FormatError, match="expected true or false"):
        parse_recipe(f"{HEAD}{key}: {value}\n".encode())


@pytest.mark.parametrize("key", REQUIRED)
@pytest.mark.parametrize("value", ["~", "''", "{x: y}"])
def test_what_is_required_must_be_there_and_be_text(key: str, value: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_recipe(f"{without(key)}{key}: {value}\n".encode())
    assert caught.value.line == 5
    assert f"'{key}'" in caught.value.reason


@pytest.mark.parametrize("key", [*SCRIPTS, *BOOLEANS, *LISTS, *REQUIRED, "summary", "description", "toolchain"])
def test_no_key_stands_twice(key: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_recipe(f"{without(key)}{key}: ~\n{key}: ~\n".encode())
    assert caught.value.reason == f"the key '{key}' stands here a second time"
    assert caught.value.line == without(key).count("\n") + 2
