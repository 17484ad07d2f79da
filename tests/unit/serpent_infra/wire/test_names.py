"""Names that become paths, queues and URLs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.wire.names import is_file_name
from serpent_infra.wire.orders import Source

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("name", ["nano-8.4-35-1-x86_64.stone", "libstdc++-14-1-1-x86_64.stone", "manifest.x86_64.bin"])
def test_real_file_names_are_permitted(name: str) -> None:
    assert is_file_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-rf", "a/b", "a\\b", "a\n", "a\x00b", "a b", "é", "a" * 256]
)
def test_names_that_could_leave_a_directory_or_confuse_a_tool_are_not(name: str) -> None:
    assert not is_file_name(name)


@given(st.text())
def test_no_permitted_name_holds_a_separator(name: str) -> None:
    if is_file_name(name):
        assert "/" not in name
        assert name not in {".", ".."}
        assert not name.endswith("\n")


@pytest.mark.parametrize("path", ["n/nano/stone.yaml", "gtk+..x/stone.yaml", "stone.yaml"])
def test_recipe_paths_inside_the_repository_are_permitted(path: str) -> None:
    assert convert(path).recipe_path == path


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "a/./b", "a/..", "", "a\nb"])
def test_recipe_paths_that_leave_it_are_refused_by_name(path: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.recipe_path"):
        convert(path)


def convert(path: str) -> Source:
    return msgspec.convert({"origin_uri": "o", "commit": COMMIT, "recipe_path": path}, Source)
