"""Which rule takes a path, and which packages there are."""

from dataclasses import replace

import pytest

from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.rules import Rule, Rules
from serpent_infra.formats.packaging.table import package_names, package_table
from serpent_infra.formats.recipe import Package, Recipe, parse_recipe

HEAD = 'name: nano\nversion: "9.2"\nrelease: 42\nhomepage: https://example.org\nlicense: MPL-2.0\nsummary: Edits\n'


def recipe(text: str) -> Recipe:
    return parse_recipe((HEAD + text).encode())


def test_the_later_rule_wins() -> None:
    rules = Rules([Rule("*", "all"), Rule("/usr/lib", "lib"), Rule("/usr/lib/*.a", "static"), Rule("/usr/lib/x", "x")])
    assert rules.package_of("/usr/bin/x") == "all"
    assert rules.package_of("/usr/lib") == "lib"
    assert rules.package_of("/usr/lib/y/z") == "lib"
    assert rules.package_of("/usr/lib/y/z.a") == "static"
    assert rules.package_of("/usr/lib/x/z.a") == "x"


def test_a_pattern_with_a_slash_at_its_end_takes_only_what_is_below() -> None:
    rules = Rules([Rule("*", "all"), Rule("/usr/share/x/", "x")])
    assert rules.package_of("/usr/share/x") == "all"
    assert rules.package_of("/usr/share/x/y") == "x"


@pytest.mark.parametrize("pattern", ["/usr/share/**", "/usr/share/**/", "/usr/share/*", "/usr/share/"])
def test_a_pattern_that_ends_in_a_star_takes_all_below(pattern: str) -> None:
    rules = Rules([Rule("*", "all"), Rule(pattern, "share")])
    assert rules.package_of("/usr/share/x") == "share"
    assert rules.package_of("/usr/share/x/y") == "share"
    assert rules.package_of("/usr/share") == "all"


def test_paths_with_special_characters_are_reached_by_equality_or_a_star() -> None:
    rules = Rules([Rule("*", "all"), Rule("/usr/bin/[", "test"), Rule("/usr/b[i]n/x", "class")])
    assert rules.package_of("/usr/bin/[") == "test"
    assert rules.package_of("/usr/bin/x") == "class"
    assert rules.package_of("/usr/b[i]n/x") == "class"
    assert rules.package_of("/usr/bin/x*") == "all"


def test_a_path_that_no_rule_takes_is_an_error() -> None:
    with pytest.raises(PackagingError, match="no package takes the path /usr/x"):
        Rules([Rule("/usr/***", "bad"), Rule("/usr/y", "y")]).package_of("/usr/x")


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("/usr/bin/nano", "nano"),
        ("/usr/share/man/man1/nano.1", "nano"),
        ("/usr/share/man/man3/nano.3", "nano-devel"),
        ("/usr/include/nano.h", "nano-devel"),
        ("/usr/lib/libnano.so", "nano-devel"),
        ("/usr/lib/libnano.so.1", "nano"),
        ("/usr/lib/pkgconfig/nano.pc", "nano-devel"),
        ("/usr/lib/debug/.build-id/ab/cd.debug", "nano-dbginfo"),
        ("/usr/lib32/libnano.so.1", "nano-32bit"),
        ("/usr/lib32/libnano.so", "nano-32bit-devel"),
        ("/usr/lib32/debug/.build-id/ab/cd.debug", "nano-32bit-dbginfo"),
        ("/usr/share/gtk-doc/html/nano.html", "nano-docs"),
    ],
)
def test_the_templates_share_out_a_plain_recipe(path: str, package: str) -> None:
    assert package_table(recipe(""), "x86_64").rules.package_of(path) == package


def test_a_package_of_the_recipe_joins_lists_with_its_template_and_replaces_the_rest() -> None:
    text = """
rundeps: [zlib]
packages:
    - "%(name)-devel":
        rundeps: ["%(name)-extra"]
        paths: [/usr/share/nano]
    - nano-extra: {summary: "More of %(name) %(version)", conflicts: [pico]}
"""
    table = package_table(recipe(text), "x86_64")
    devel = table.packages["nano-devel"]
    assert devel.rundeps == ("nano", "nano-extra")
    assert devel.summary == "Edits"
    assert table.packages["nano-docs"].summary == "Documentation for nano"
    assert table.packages["nano-extra"].summary == "More of nano 9.2"
    assert table.packages["nano-extra"].conflicts == ("pico",)
    assert table.packages["nano"].rundeps == ("zlib",)
    assert table.rules.package_of("/usr/share/nano/syntax") == "nano-devel"


def test_lists_of_dependencies_are_sorted_unions_and_paths_keep_their_order() -> None:
    text = """
rundeps: [z, a]
rundeps-exclude: [y]
provides-exclude: [p]
conflicts: [pico]
paths: [/usr/share/two]
packages:
    - "%(name)": {rundeps: [m, a], rundeps-exclude: [b], paths: [/usr/share/one]}
    - other: {paths: [/usr/share/two]}
"""
    table = package_table(recipe(text), "x86_64")
    own = table.packages["nano"]
    assert own.rundeps == ("a", "a", "m", "z")
    assert own.rundeps_exclude == ("b", "y")
    assert (own.provides_exclude, own.conflicts) == ((), ())
    assert table.rules.package_of("/usr/share/one/x") == "nano"
    assert table.rules.package_of("/usr/share/two") == "other"


def test_summaries_and_descriptions_fall_back_to_the_recipes() -> None:
    text = """
description: |
    About %(name).
packages:
    - "%(name)-devel":
    - x: {summary: ~, description: "  of %(version)-%(release)  "}
    - "%(name)-docs": {summary: ""}
"""
    packages = package_table(recipe(text), "x86_64").packages
    assert (packages["nano-devel"].summary, packages["nano-devel"].description) == ("Edits", "About nano.")
    assert (packages["x"].summary, packages["x"].description) == ("Edits", "of 9.2-42")
    assert packages["nano-docs"].summary == ""
    assert packages["nano-demos"].description == "Example files for the nano package"


@pytest.mark.parametrize("name", ["../x", "a/b", "", "-x", "a b", "a\nb", "x" * 161, "%%(name)"])
def test_a_name_that_would_be_no_plain_file_name_is_an_error(name: str) -> None:
    whole = replace(recipe(""), packages=((name, Package()),))
    for make in (package_table, package_names):
        with pytest.raises(PackagingError, match="is no name of a package"):
            make(whole, "x86_64")


def test_a_text_that_names_the_unknown_is_an_error() -> None:
    with pytest.raises(PackagingError, match=r"%\(bindir\) is not defined"):
        package_table(recipe("packages: [{x: {paths: ['%(bindir)/x']}}]"), "x86_64")
