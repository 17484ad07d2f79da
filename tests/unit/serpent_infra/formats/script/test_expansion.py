"""The grammar of macros."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.expansion import MAX_DEPTH, Names, expand
from serpent_infra.formats.script.macro_file import Action


def action(command: str, *dependencies: str) -> Action:
    return Action(command=command, description="a test's", dependencies=dependencies)


NAMES = Names(
    actions={
        "make": action("make -j %(jobs)", "binary(make)"),
        "make_install": action("%make install", "binary(install)"),
        "percent": action("%%"),
    },
    definitions={"jobs": "%(_jobs)", "bindir": "%(prefix)/bin", "prefix": "/usr"},
    builtins={"jobs": "4"},
)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%make check", "make -j 4 check"),
        ("%make_install", "make -j 4 install"),
        ("%(bindir)/x", "/usr/bin/x"),
        ("100%% of %percent", "100% of %"),
        ("${x%.*} 5 % 3 %", "${x%.*} 5 % 3 %"),
        ("%(bindir", "%(bindir"),
        ("%()", "%()"),
        ("%%make", "%make"),
        ("%%%make", "%make -j 4"),
        ("", ""),
    ],
)
def test_texts_expand(text: str, expanded: str) -> None:
    assert expand(text, NAMES).text == expanded


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("date +%Y", "%Y is no macro"),
        ("%make_instal", "%make_instal is no macro"),
        ("%(nowhere)", r"%\(nowhere\) is not defined"),
        ("%(_jobs)", "only be used inside macros"),
        ("%(_nothing)", "only be used inside macros"),
    ],
)
def test_an_unknown_name_is_an_error_that_gives_it(text: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        expand(text, NAMES)


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("%nope", (1, 1), "%nope is no macro; write %%nope where a percent sign is meant"),
        ("%make\n  x %(nope)\n", (2, 5), "%(nope) is not defined"),
        (
            "a\nb %broken c",
            (2, 3),
            "%nope is no macro; write %%nope where a percent sign is meant; %broken leads there",
        ),
        ("%(deep)", (1, 1), "%(_nothing) is not defined; %(deep) leads there"),
        (
            "ä\n\n%%%loop",
            (3, 3),
            f"macros are nested deeper than {MAX_DEPTH} levels; one of them names itself; %loop leads there",
        ),
    ],
)
def test_an_error_gives_the_place_in_the_outermost_text(text: str, place: tuple[int, int], reason: str) -> None:
    actions = {**NAMES.actions, "broken": action("x\n%nope"), "loop": action("%loop")}
    definitions = {**NAMES.definitions, "deep": "%(deeper)", "deeper": "%(_nothing)"}
    names = Names(actions=actions, definitions=definitions, builtins=NAMES.builtins)
    with pytest.raises(ScriptError) as caught:
        expand(text, names)
    assert (caught.value.line, caught.value.column) == place
    assert caught.value.reason == reason
    assert str(caught.value) == f"{reason} (line {place[0]})"


def test_a_text_that_grows_without_end_is_refused() -> None:
    names = Names(actions={"big": action("x" * 10_000)})
    assert len(expand("%big" * 400, names).text) == 4_000_000
    with pytest.raises(ScriptError, match="too long"):
        expand("%big" * 420, names)


def test_a_long_name_is_cut_in_messages() -> None:
    with pytest.raises(ScriptError) as caught:
        expand("%" + "x" * 100_000, NAMES)
    assert len(str(caught.value)) < 400


def test_a_builtin_that_is_not_set_is_an_error() -> None:
    with pytest.raises(ScriptError, match=r"%\(_jobs\) is not defined"):
        expand("%(jobs)", Names(definitions={"jobs": "%(_jobs)"}))


def test_dependencies_of_inner_macros_count_too() -> None:
    assert expand("%make_install; %make", NAMES).dependencies == ("binary(install)", "binary(make)")
    assert expand("make", NAMES).dependencies == ()


def test_a_macro_that_names_itself_is_an_error() -> None:
    with pytest.raises(ScriptError, match=f"deeper than {MAX_DEPTH}"):
        expand("%loop", Names(actions={"loop": action("x %loop")}))


def test_nesting_up_to_the_limit_expands() -> None:
    definitions = {f"d{level}": f"%(d{level + 1})" for level in range(1, MAX_DEPTH)} | {f"d{MAX_DEPTH}": "end"}
    assert expand("%(d1)", Names(definitions=definitions)).text == "end"
    with pytest.raises(ScriptError, match="deeper"):
        expand("%(d0)", Names(definitions=definitions | {"d0": "%(d1)"}))


def test_breakpoints_part_a_text() -> None:
    expansion = expand("a\n%break_continue\nb\n%break_exit\nc", NAMES)
    assert expansion.parts == ("a\n", "\nb\n")
    assert expansion.text == "a\n\nb\n"


@given(st.text())
def test_text_with_doubled_percent_signs_comes_back(text: str) -> None:
    assert expand(text.replace("%", "%%"), NAMES).text == text
