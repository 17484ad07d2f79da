"""`serpent recipe check`: what it prints, and the exit codes that it promises."""

from collections import Counter
from pathlib import Path

import pytest

from tests.unit.serpent_infra.cli.command import serpent

SOUND = 'name: nano\nversion: "9.2"\nrelease: 42\nhomepage: https://example.org\nlicense: MPL-2.0\n'


def write(directory: Path, text: str, control: str | None = None) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "stone.yaml"
    path.write_text(text)
    if control is not None:
        path.with_name("control.kdl").write_text(control)
    return path


def test_a_sound_recipe_ends_with_0(tmp_path: Path) -> None:
    ended = serpent("recipe", "check", write(tmp_path, SOUND))
    assert (ended.code, ended.out, ended.err) == (0, "checked: 1, refused: 0, warnings: 0\n", "")


def test_warnings_give_their_place_and_end_with_0(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND.replace('"9.2"', "1.10") + "tune: []\n", "unknown")
    ended = serpent("recipe", "check", path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f'{path}:2:10: warning: boulder would turn the version into 1.1; put it in quotes: "1.10"',
        f"{path}:6:1: warning: the key 'tune' means nothing in a recipe and is ignored",
        f"{tmp_path}/control.kdl:1:1: warning: 'unknown' means nothing in a control file and is ignored",
        "checked: 1, refused: 0, warnings: 3",
    ]
    assert serpent("recipe", "check", "-q", path).out == ""


@pytest.mark.parametrize(
    ("text", "control", "error"),
    [
        ("release: 0\n", None, "stone.yaml:6:1: the key 'release' stands here a second time"),
        ("build: &x make\n", None, "stone.yaml:6:8: anchors ('&x') are not allowed"),
        ("emul32: yes\n", None, "stone.yaml:6:9: 'emul32' is 'yes'; expected true or false"),
        ("build: |\n    %make\n    %mkae\n", None, "stone.yaml:8:5: build of x86_64: %mkae is no macro"),
        ("tuning:\n  - lto: fat\n", None, "stone.yaml:7:10: the tuning group 'lto' has no choice 'fat'"),
        ("packages:\n  - '%(nope)-x': {}\n", None, "stone.yaml: in the package text '%(nope)-x'"),
        ("", "append { build 5 }", "control.kdl:1:10: expected one text after 'build'"),
        ("", "append { packages { x {} } }", "control.kdl:1:21: the package 'x' is not in the recipe"),
    ],
)
def test_a_refused_recipe_says_why_and_where_and_ends_with_1(
    tmp_path: Path, text: str, control: str | None, error: str
) -> None:
    path = write(tmp_path, SOUND + text, control)
    for ended in (serpent("recipe", "check", path), serpent("recipe", "check", "--json", path)):
        assert ended.code == 1
        assert ended.err.startswith(f"serpent: {tmp_path}/{error}")
        assert ended.err.count("\n") == 1


def test_a_directory_is_searched_in_order_without_links_and_hidden_ones(tmp_path: Path) -> None:
    for name in ("n/nano", "a/attr", ".git/x"):
        write(tmp_path / name, SOUND)
    (tmp_path / "linked").symlink_to(tmp_path / "n")
    document = serpent("recipe", "check", "--json", tmp_path).document
    assert [one["path"] for one in document["recipes"]] == [
        f"{tmp_path}/a/attr/stone.yaml",
        f"{tmp_path}/n/nano/stone.yaml",
    ]


def test_a_recipe_for_another_architecture_is_read_only_there(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND + "architectures: [aarch64]\nbuild: '%mkae'\n")
    assert serpent("recipe", "check", path).code == 0
    ended = serpent("recipe", "check", "-a", "aarch64", path)
    assert (ended.code, "build of aarch64: %mkae is no macro" in ended.err) == (1, True)


def test_json_has_one_object_a_recipe(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND + "tune: []\n")
    broken = write(tmp_path / "b", "name: ]")
    ended = serpent("recipe", "check", "--json", path, broken)
    assert ended.code == 1
    sound, wrong = ended.document["recipes"]
    assert ended.document["version"] == 1
    assert sound == {
        "path": str(path),
        "name": "nano",
        "version": "9.2",
        "release": 42,
        "errors": [],
        "warnings": [
            {
                "path": str(path),
                "line": 6,
                "column": 1,
                "kind": "unknown-key",
                "text": "the key 'tune' means nothing in a recipe and is ignored",
            }
        ],
    }
    assert (wrong["name"], wrong["version"], wrong["release"], wrong["warnings"]) == (None, None, None, [])
    (error,) = wrong["errors"]
    assert list(error) == ["path", "offset", "line", "column", "reason"]
    assert (error["path"], error["line"]) == (str(broken), 1)


def test_a_missing_path_ends_with_3_and_the_others_are_checked(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND)
    ended = serpent("recipe", "check", tmp_path / "missing", path)
    assert (ended.code, ended.err) == (3, f"serpent: {tmp_path / 'missing'}: No such file or directory\n")
    assert ended.out == "checked: 2, refused: 1, warnings: 0\n"


def test_a_directory_without_recipes_ends_with_1(tmp_path: Path) -> None:
    ended = serpent("recipe", "check", tmp_path)
    assert (ended.code, "there is no stone.yaml below this directory" in ended.err) == (1, True)


def test_a_file_over_the_limit_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND)
    with path.open("ab") as stream:
        stream.truncate(2**33)
    ended = serpent("recipe", "check", path)
    assert (ended.code, "are too many; expected at most 1048576" in ended.err) == (1, True)


def test_control_characters_of_a_recipe_do_not_reach_the_terminal(tmp_path: Path) -> None:
    ended = serpent("recipe", "check", write(tmp_path, SOUND + '"\\e[2Jx": 1\n'))
    assert "\x1b" not in ended.out + ended.err
    assert "means nothing" in ended.out


@pytest.mark.real_data
def test_of_the_real_recipes_none_is_refused_and_the_known_typos_are_named(recipe_tree: Path) -> None:
    ended = serpent("recipe", "check", "--json", recipe_tree)
    assert (ended.code, ended.err) == (0, "")
    recipes = ended.document["recipes"]
    assert len(recipes) == 1737
    assert [one["path"] for one in recipes if one["errors"]] == []
    warnings = [warning for one in recipes for warning in one["warnings"]]
    assert Counter(one["kind"] for one in warnings) == {"unknown-key": 21, "odd-version": 4}
    keys = Counter(one["text"].split("'")[1] for one in warnings if one["kind"] == "unknown-key")
    assert keys == {"tune": 6, "dependencies": 1, "test": 1, "extract": 1, "staging": 3, "license": 8, "homepage": 1}
