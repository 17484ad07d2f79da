"""What a control file does to the recipe beside it, and what is said about a wrong one."""

import pytest

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe import Recipe, WarningKind, parse_recipe
from serpent_infra.formats.recipe.control import apply_control
from serpent_infra.formats.recipe.control_file import parse_control
from serpent_infra.formats.recipe.load import load_recipe
from serpent_infra.formats.script import HostFacts, Phase, plan_build

RECIPE = b"""
name: nano
version: "9.2"
release: 42
homepage: https://example.org
license: MPL-2.0
builddeps: [one, two]
rundeps: [three]
rundeps-exclude: ["^soname"]
conflicts: [pico]
setup: |
    configure
build: make
check: make check
packages:
    - "%(name)-extra":
        rundeps: [four]
    - other:
        summary: Other
profiles:
    - emul32:
        setup: companion
"""


def edited(text: str) -> Recipe:
    return load_recipe(RECIPE, text.encode()).recipe


def test_without_a_control_file_the_recipe_is_as_it_stands() -> None:
    assert load_recipe(RECIPE, None).recipe == parse_recipe(RECIPE)
    assert edited("") == parse_recipe(RECIPE)


def test_scripts_join_with_a_line_break_and_keep_their_order() -> None:
    recipe = edited('prepend { setup "before"; install "first" }\nappend { setup "after" }')
    assert recipe.build.scripts["setup"] == "before\nconfigure\n\nafter"
    assert recipe.build.scripts["install"] == "first\n"
    assert recipe.build.scripts["build"] == "make"


def test_lists_are_lengthened_at_either_end_and_replaced() -> None:
    text = """
    append { builddeps { zlib-devel; "binary(git)" } }
    prepend { builddeps { zero }; rundeps { bash } }
    override { conflicts { emacs }; "rundeps-exclude" {} }
    """
    recipe = edited(text)
    assert recipe.build.builddeps == ("zero", "one", "two", "zlib-devel", "binary(git)")
    assert recipe.root.rundeps == ("bash", "three")
    assert recipe.root.conflicts == ("emacs",)
    assert recipe.root.rundeps_exclude == ()


def test_what_is_overridden_forgets_all_else_wherever_it_stands_in_the_file() -> None:
    recipe = edited('override { setup "mine" }\nappend { setup "lost" }\nprepend { setup "lost too" }')
    assert recipe.build.scripts["setup"] == "mine"


def test_an_empty_check_disables_the_phase() -> None:
    host = HostFacts(architecture="x86_64", jobs=1, source_date_epoch=0)
    phases = [
        [script.phase for script in plan_build(one, host).scripts]
        for one in (edited(""), edited('override { check "" }'))
    ]
    assert [Phase.CHECK in one for one in phases] == [True, False]


def test_profiles_and_packages_of_the_recipe_are_edited() -> None:
    text = """
    append {
        profiles { emul32 { setup "more"; builddeps { a-32bit } } }
        packages { "%(name)-extra" { rundeps { five } }; other { conflicts { x } } }
    }
    """
    recipe = edited(text)
    assert dict(recipe.profiles)["emul32"].scripts["setup"] == "companion\nmore"
    assert dict(recipe.profiles)["emul32"].builddeps == ("a-32bit",)
    assert dict(recipe.packages)["%(name)-extra"].rundeps == ("four", "five")
    assert dict(recipe.packages)["other"].conflicts == ("x",)
    assert [name for name, _ in recipe.packages] == ["%(name)-extra", "other"]


def test_an_edited_script_has_no_place_in_the_recipe_any_more() -> None:
    recipe = edited('append { setup "x" }')
    assert recipe.build.first_lines == {"build": 13, "check": 14}


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        (
            "append { profiles { x86_64 { setup a } } }",
            (1, 21),
            "the profile 'x86_64' is not in the recipe; it has emul32",
        ),
        ("append {\n  packages { nano-extra {} } }", (2, 14), "it has %(name)-extra, other"),
        ("append { setup }", (1, 10), "expected one text after 'setup'"),
        ("append { setup a b }", (1, 10), "expected one text after 'setup'"),
        ("append { setup 5 }", (1, 10), "expected one text after 'setup'"),
        ("append { setup { a } }", (1, 10), "expected one text after 'setup'"),
        ("append { builddeps a b }", (1, 10), "nodes in braces after 'builddeps'"),
        ("append { builddeps { a b } }", (1, 22), "each on a line of its own"),
        ("append x", (1, 1), "nodes in braces after 'append'"),
        ("append {}\nappend {}", (2, 1), "'append' stands here a second time"),
        ("append { setup a; setup b }", (1, 19), "'setup' stands here a second time"),
        ('append { rundeps-exclude { "(" } }', (1, 28), "expected a regular expression"),
        ("append {", (1, None), ""),
    ],
)
def test_a_wrong_control_file_is_refused_with_its_place(text: str, place: tuple[int, int | None], reason: str) -> None:
    with pytest.raises(FormatError) as caught:
        load_recipe(RECIPE, text.encode(), path="stone.yaml", control_path="control.kdl")
    assert caught.value.path == "control.kdl"
    assert caught.value.line == place[0]
    assert place[1] in {None, caught.value.column}
    assert reason in caught.value.reason


def test_what_means_nothing_is_warned_of() -> None:
    text = 'unknown\noverride {\n  unknown\n  packages { other { build "x" } }\n  builddeps { "pkgconf(z)" }\n}'
    control = parse_control(text.encode())
    assert [(one.kind, one.line, one.column) for one in control.warnings] == [
        (WarningKind.UNKNOWN_KEY, 1, 1),
        (WarningKind.UNKNOWN_KEY, 3, 3),
        (WarningKind.UNKNOWN_KEY, 4, 22),
        (WarningKind.NO_DEPENDENCY, 5, 15),
    ]
    assert apply_control(parse_recipe(RECIPE), control).build.builddeps == ("pkgconf(z)",)
