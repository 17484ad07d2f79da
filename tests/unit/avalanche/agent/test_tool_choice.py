"""A builder's tool is found by name or import path; what is none stops the start, with the reason."""

from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from avalanche.agent.tools import choice
from avalanche.agent.tools.builtin.tool import Builtin
from serpent_infra.settings.environment import Role
from tests.fakes.instant_tool import InstantTool

ID = "avalanche.E001"
UNUSABLE = {
    "mason": "it must be one of builtin, or the import path",
    "": "it must be one of builtin",
    "nowhere.at_all.Tool": "No module named 'nowhere'",
    "avalanche.agent.tools.builtin.tool.Boulder": "has no attribute 'Boulder'",
    "avalanche.agent.tools.protocol.Job": "missing",  # cannot be made without arguments
    "collections.Counter": "no build(job)",
}


def test_our_own_has_a_name() -> None:
    assert isinstance(choice.find("builtin"), Builtin)


def test_another_is_found_by_its_import_path() -> None:
    assert isinstance(choice.find("tests.fakes.instant_tool.InstantTool"), InstantTool)


@pytest.mark.parametrize("wanted", UNUSABLE)
def test_what_is_no_tool_is_refused_with_the_reason(wanted: str) -> None:
    with pytest.raises(choice.UnknownBuildTool) as caught:
        choice.find(wanted)
    assert repr(wanted) in str(caught.value)
    assert UNUSABLE[wanted] in str(caught.value)


@pytest.mark.parametrize(("role", "found"), [(Role.ALL, [ID]), (Role.BUILDER, [ID]), (Role.HUB, [])])
def test_a_builder_does_not_start_without_its_tool(
    role: Role, found: list[str], settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "usr").mkdir()
    settings.SERPENT_BASE_IMAGE = tmp_path
    settings.SERPENT_ROLE = role
    settings.SERPENT_BUILD_TOOL = "mason"
    assert [problem.id for problem in run_checks() if problem.id == ID] == found


def test_a_builder_starts_with_the_tool_it_has_by_default() -> None:
    assert ID not in [problem.id for problem in run_checks()]
