"""The recipe that an agent builds is the one its directory describes."""

from pathlib import Path

import pytest

from avalanche.agent.tools.builtin.checkout import read_recipe
from avalanche.agent.tools.protocol import BuildFailed

RECIPE = 'name: nano\nversion: "9.2"\nrelease: 42\nhomepage: https://example.org\nlicense: MPL-2.0\nbuild: make\n'


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "stone.yaml"
    path.write_text(RECIPE)
    return path


def test_a_control_file_edits_the_recipe_beside_it(recipe: Path) -> None:
    assert read_recipe(recipe, "n/nano/stone.yaml").build.scripts["build"] == "make"
    recipe.with_name("control.kdl").write_text('append { build "make docs" }')
    assert read_recipe(recipe, "n/nano/stone.yaml").build.scripts["build"] == "make\nmake docs"


def test_a_control_file_that_leads_elsewhere_is_refused_unread(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("}{ not for logs")
    recipe.with_name("control.kdl").symlink_to(tmp_path / "secret")
    with pytest.raises(BuildFailed) as caught:
        read_recipe(recipe, "n/nano/stone.yaml")
    assert str(caught.value) == "n/nano/control.kdl is a symbolic link; it must be a file"
    assert "not for logs" not in str(caught.value.failure)


def test_an_error_in_either_file_names_the_file_and_shows_the_line(recipe: Path) -> None:
    recipe.with_name("control.kdl").write_text("// ours\nappend { build 5 }\n")
    with pytest.raises(BuildFailed) as caught:
        read_recipe(recipe, "n/nano/stone.yaml")
    assert str(caught.value).startswith("n/nano/control.kdl:2:10: expected one text")
    assert caught.value.failure.excerpt == "append { build 5 }"
    recipe.write_text(RECIPE.replace("42", "none"))
    with pytest.raises(BuildFailed) as caught:
        read_recipe(recipe, "n/nano/stone.yaml")
    assert str(caught.value).startswith("n/nano/stone.yaml:3:10: 'release' is 'none'")
    assert caught.value.failure.excerpt == "release: none"
