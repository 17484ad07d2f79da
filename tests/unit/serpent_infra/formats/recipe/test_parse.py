"""What a recipe means, key by key, and what is said about a wrong one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.recipe import (
    Archive,
    Git,
    Options,
    PathKind,
    PathRule,
    Toolchain,
    TuningChoice,
    WarningKind,
    parse_recipe,
)
from serpent_infra.formats.recipe.plain_numbers import rewritten

HASH = "ab" * 32
HEAD = 'name: nano\nversion: "9.2"\nrelease: 42\nhomepage: https://example.org\nlicense: MPL-2.0\n'


def with_head(text: str) -> bytes:
    return (HEAD + text).encode()


def test_the_shortest_recipe_has_every_default() -> None:
    recipe = parse_recipe(HEAD.encode())
    assert (recipe.name, recipe.version, recipe.release) == ("nano", "9.2", 42)
    assert recipe.licences == ("MPL-2.0",)
    assert recipe.options == Options()
    assert recipe.options.toolchain is None
    assert (recipe.summary, recipe.description, recipe.upstreams, recipe.warnings) == ("", "", (), ())


def test_upstreams_know_their_files_and_directories() -> None:
    text = f"""
upstreams:
    - https://example.org/a-1.tar.xz : {HASH}
    - https://example.org/download?x=/y :
        hash: {HASH}
        rename: b.zip
        stripdirs: 0
        unpackdir: b/inner
    - https://example.org/c.bin : {{ hash: {HASH}, unpack: false }}
    - git|https://example.org/d.git : v1
    - git|https://example.org/e.git/ : {{ ref: main, clonedir: ee }}
"""
    archive, renamed, kept, git, cloned = parse_recipe(with_head(text)).upstreams
    assert archive == Archive(uri="https://example.org/a-1.tar.xz", sha256=HASH)
    assert (archive.file_name, archive.directory) == ("a-1.tar.xz", "a-1.tar.xz")
    assert isinstance(renamed, Archive)
    assert (renamed.file_name, renamed.directory, renamed.strip_dirs) == ("b.zip", "b/inner", 0)
    assert kept.directory is None
    assert git == Git(uri="https://example.org/d.git", ref="v1")
    assert (git.file_name, git.directory) == ("d.git", "d.git")
    assert (cloned.file_name, cloned.directory) == ("e.git", "ee")


def test_packages_profiles_and_tuning_are_read_in_order() -> None:
    text = """
summary: ~
packages:
    - "%(name)-extra":
        summary: More
        rundeps: [nano, binary(sh)]
        rundeps-exclude: ["^soname"]
        conflicts: [pico]
        paths:
            - /usr/share/extra
            - /usr/bin/extra: exe
    - nano-empty: ~
profiles:
    - emul32:
        setup: one
        builddeps: [zlib-32bit-devel]
builddeps: [pkgconfig(zlib)]
checkdeps: [binary(python3)]
tuning:
    - lto: full
    - icf: false
    - sections
    - relr: true
toolchain: gnu
emul32: "true"
strip: false
build: two
"""
    recipe = parse_recipe(with_head(text))
    (extra_name, extra), (empty_name, empty) = recipe.packages
    assert (extra_name, empty_name) == ("%(name)-extra", "nano-empty")
    assert extra.rundeps == ("nano", "binary(sh)")
    assert extra.paths == (PathRule("/usr/share/extra"), PathRule("/usr/bin/extra", PathKind.EXE))
    assert empty.summary is None
    assert recipe.root.summary is None
    assert dict(recipe.profiles)["emul32"].scripts == {"setup": "one"}
    assert recipe.build.scripts == {"build": "two"}
    assert recipe.build_depends == ("binary(python3)", "pkgconfig(zlib)", "zlib-32bit-devel")
    assert recipe.manifest_build_depends == ("binary(python3)", "pkgconfig(zlib)")
    assert recipe.options == Options(toolchain=Toolchain.GNU, emul32=True, strip=False)
    assert recipe.tuning == (
        TuningChoice("lto", choice="full"),
        TuningChoice("icf", enabled=False),
        TuningChoice("sections"),
        TuningChoice("relr"),
    )


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("emul32: yes\n", 6, "expected true or false"),
        ("builddeps: zlib\n", 6, "expected a list"),
        ("builddeps:\n  - {a: b}\n", 7, "expected text in the list 'builddeps'"),
        ("builddeps:\n  - ~\n", 7, "is empty"),
        ("build: [make]\n", 6, "expected text for 'build'"),
        ("upstreams:\n  - https://example.org/a\n", 7, "`name: value`"),
        ("upstreams:\n  - https://example.org/a: beef\n", 7, "64 lower-case hexadecimal digits"),
        (f"upstreams:\n  - https://example.org/: {HASH}\n", 7, "has no file name"),
        (f"upstreams:\n  - https://: {HASH}\n", 7, "has no file name"),
        (f"upstreams:\n  - https://e.org/a: {{hash: {HASH}, rename: ../a}}\n", 7, "plain file name"),
        (f"upstreams:\n  - https://e.org/a: {{hash: {HASH}, unpackdir: a/../../b}}\n", 7, "below the build directory"),
        (f"upstreams:\n  - https://e.org/a: {{hash: {HASH}, stripdirs: 256}}\n", 7, "from 0 to 255"),
        ("upstreams:\n  - git|https://e.org/a: {hash: x}\n", 7, "needs 'ref'"),
        ("paths:\n  - /usr/bin: program\n", 7, "is no kind"),
        ("rundeps-exclude:\n  - '('\n", 7, "regular expression"),
        ("provides-exclude:\n  - 'a(?=b)'\n", 7, "regular expression"),
        (f"provides-exclude:\n  - '{'(' * 5000}'\n", 7, "at most 500"),
        ("provides-exclude:\n  - '(\\pL{100}){9}'\n", 7, "too large"),
        ("packages:\n  - ../../etc: {}\n", 7, "the package's name is '../../etc'"),
        ("packages:\n  - 'a b': {}\n", 7, "the package's name"),
        (f"upstreams:\n  - https://e.org/a: {{hash: {HASH}, stripdirs: 01}}\n", 7, "from 0 to 255"),
        ("tuning:\n  - [lto]\n", 7, "group: choice"),
        ("profiles:\n  - emul32: text\n", 7, "as a map"),
        ("license:\n  - MIT\n", 6, "a second time"),
        ("toolchain: msvc\n", 6, "expected llvm or gnu"),
        ("packages:\n  - extra: text\n", 7, "as a map"),
    ],
)
def test_a_wrong_field_says_what_was_expected(text: str, line: int, reason: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_recipe(with_head(text), path="stone.yaml")
    assert caught.value.line == line
    assert caught.value.column is not None
    assert reason in caught.value.reason


@pytest.mark.parametrize("key", ["name", "version", "release", "homepage", "license"])
def test_a_missing_key_is_named(key: str) -> None:
    text = "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(key))
    with pytest.raises(FormatError, match=f"needs '{key}'"):
        parse_recipe(text.encode())


@pytest.mark.parametrize("release", ["0", "-1", "1.0", "x", "1_0", "042", "0x2A", "9223372036854775808"])
def test_a_release_is_a_positive_number(release: str) -> None:
    with pytest.raises(FormatError, match="whole number from 1"):
        parse_recipe(HEAD.replace("42", release).encode())


@pytest.mark.parametrize("name", ["../nano", "na no", ".nano", "na/no", "-nano"])
def test_a_name_is_fit_for_file_names(name: str) -> None:
    with pytest.raises(FormatError, match="'name' is"):
        parse_recipe(HEAD.replace("nano", f'"{name}"').encode())


def test_unknown_keys_are_warned_of_with_their_place() -> None:
    recipe = parse_recipe(with_head("tune: [lto]\npackages:\n  - x: {license: MIT}\n"))
    assert [(warning.line, warning.column) for warning in recipe.warnings] == [(6, 1), (8, 9)]
    assert {warning.kind for warning in recipe.warnings} == {WarningKind.UNKNOWN_KEY}
    assert "'tune' means nothing in a recipe" in recipe.warnings[0].text


@pytest.mark.parametrize(
    ("text", "key", "place"),
    [
        ("tune:\n  - lto\n", "tune", (6, 1)),
        ("dependencies: []\n", "dependencies", (6, 1)),
        ("test: x\n", "test", (6, 1)),
        (f"upstreams:\n  - https://e.org/a: {{hash: {HASH}, extract: false}}\n", "extract", (7, 95)),
        ("upstreams:\n  - git|https://e.org/a:\n      ref: x\n      staging: true\n", "staging", (9, 7)),
        ("packages:\n  - x:\n      license: MIT\n", "license", (8, 7)),
        ("packages:\n  - x:\n      homepage: https://e.org\n", "homepage", (8, 7)),
        ("packages:\n  - x:\n      build: make\n", "build", (8, 7)),
        ("profiles:\n  - x86_64:\n      paths: []\n", "paths", (8, 7)),
        ("provides: [x]\n", "provides", (6, 1)),
    ],
)
def test_typos_and_misplaced_keys_are_warned_of(text: str, key: str, place: tuple[int, int]) -> None:
    (warning,) = parse_recipe(with_head(text)).warnings
    assert warning.kind is WarningKind.UNKNOWN_KEY
    assert f"the key {key!r} means nothing" in warning.text
    assert (warning.line, warning.column) == place


def test_a_second_key_of_a_one_key_item_is_warned_of_and_ignored() -> None:
    recipe = parse_recipe(with_head("packages:\n  - a: {}\n    b: {}\n"))
    assert [name for name, _ in recipe.packages] == ["a"]
    assert [(one.kind, one.line) for one in recipe.warnings] == [(WarningKind.SECOND_KEY, 8)]


def test_a_number_in_quotes_is_read_and_warned_of() -> None:
    recipe = parse_recipe(HEAD.replace("42", "'42'").encode())
    assert recipe.release == 42
    assert [(one.kind, one.line, one.column) for one in recipe.warnings] == [(WarningKind.QUOTED_NUMBER, 3, 10)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("summary: 1.0\n", (6, 10)),
        ("description: true\n", (6, 14)),
        ("install: 0x10\n", (6, 10)),
        ("rundeps: [zlib, 7]\n", (6, 17)),
        ("architectures: [.inf]\n", (6, 17)),
        ("paths: [1e3]\n", (6, 9)),
        ("tuning: [optimize: 3]\n", (6, 20)),
        ("packages:\n  - a:\n      summary: -5\n", (8, 16)),
        ("upstreams:\n  - git|https://example.org/a: 1.10\n", (7, 32)),
        ("upstreams:\n  - git|https://example.org/a:\n      ref: 12\n", (8, 12)),
    ],
)
def test_a_number_where_text_is_meant_is_read_as_it_stands_and_warned_of(text: str, place: tuple[int, int]) -> None:
    (warning,) = parse_recipe(with_head(text)).warnings
    assert (warning.kind, warning.line, warning.column) == (WarningKind.UNQUOTED_TEXT, *place)


@pytest.mark.parametrize(
    "value", ["'1.0'", "1.0.0", "007", "yes", "1_000", "1e999", "0xg", "-.", "1:30", "2026-01-01", "|\n  1"]
)
def test_text_that_looks_like_a_number_is_text(value: str) -> None:
    assert parse_recipe(with_head(f"summary: {value}\n")).warnings == ()


@pytest.mark.parametrize("key", ["builddeps", "rundeps", "conflicts", "paths", "debug", "emul32", "toolchain"])
@pytest.mark.parametrize("value", ["", " ~", " null"])
def test_nothing_where_boulder_wants_a_value_is_warned_of(key: str, value: str) -> None:
    (warning,) = parse_recipe(with_head(f"{key}:{value}\n")).warnings
    assert (warning.kind, warning.line, warning.column) == (WarningKind.NO_VALUE, 6, 1)
    assert repr(key) in warning.text


@pytest.mark.parametrize("key", ["packages", "profiles", "upstreams", "architectures", "tuning"])
def test_of_other_lists_only_a_written_null_is_warned_of(key: str) -> None:
    assert parse_recipe(with_head(f"{key}:\n")).warnings == ()
    (warning,) = parse_recipe(with_head(f"{key}: ~\n")).warnings
    assert warning.kind is WarningKind.NO_VALUE


@pytest.mark.parametrize("text", ["summary:\n", "install: ~\n", "packages:\n  - a:\n      rundeps:\n"])
def test_nothing_where_boulder_takes_it_is_no_warning(text: str) -> None:
    assert parse_recipe(with_head(text)).warnings == ()


def test_of_very_many_warnings_the_first_are_kept() -> None:
    warnings = parse_recipe(with_head("".join(f"x{number}: 1\n" for number in range(300)))).warnings
    assert len(warnings) == 101
    assert (warnings[0].line, warnings[-1].kind) == (6, WarningKind.LEFT_OUT)
    assert warnings[-1].text == "200 further warnings are left out"


def test_scripts_and_tuning_know_their_lines() -> None:
    recipe = parse_recipe(with_head("setup: one\nbuild: |\n    two\n    three\ntuning:\n  - lto\n  - icf: false\n"))
    assert recipe.build.first_lines == {"setup": 6, "build": 8}
    assert [choice.line for choice in recipe.tuning] == [11, 12]


def test_dependencies_that_are_none_are_kept_and_warned_of() -> None:
    recipe = parse_recipe(with_head("builddeps: [pkgconf(zlib), zlib]\n"))
    assert recipe.build.builddeps == ("pkgconf(zlib)", "zlib")
    assert "'pkgconf' is no kind" in recipe.warnings[0].text


def test_an_unquoted_version_that_boulder_would_change_is_warned_of_and_kept() -> None:
    recipe = parse_recipe(HEAD.replace('"9.2"', "1.10").encode())
    assert recipe.version == "1.10"
    (warning,) = recipe.warnings
    assert (warning.kind, warning.line, warning.column) == (WarningKind.REWRITTEN_VERSION, 2, 10)
    assert warning.text == 'boulder would turn the version into 1.1; put it in quotes: "1.10"'


@pytest.mark.parametrize("version", ["'1.10'", "49.0", "1.2.3", "9.2"])
def test_versions_that_stay_as_they_are_bring_no_warning(version: str) -> None:
    assert parse_recipe(HEAD.replace('"9.2"', version).encode()).warnings == ()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.10", "1.1"),
        ("49.0", "49.0"),
        ("1e5", "100000.0"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("017", "017"),
        ("1.", "1.0"),
        (".5", "0.5"),
        ("1e20", "1e20"),
        ("1e400", "1e400"),
        ("+7", "7"),
        ("1.2.3", "1.2.3"),
        ("123456789012345678901234", "123456789012345678901234"),
    ],
)
def test_numbers_take_boulders_form(text: str, number: str) -> None:
    assert rewritten(text) == number


@given(st.from_regex(r"[0-9]{1,6}(\.[0-9]{0,6})?([eE][-+]?[0-9]{1,2})?", fullmatch=True))
def test_a_rewritten_number_is_the_same_number_and_is_left_alone_from_then_on(text: str) -> None:
    once = rewritten(text)
    assert float(once) == float(text)
    assert rewritten(once) == once


@given(st.from_regex(r"[0-9]+(\.[0-9]+){2,4}[a-z]?|[0-9]+[acdf-np-wyz][a-z0-9.]*", fullmatch=True))
def test_versions_that_are_no_numbers_stay_as_they_are(text: str) -> None:
    assert rewritten(text) == text
