"""avalanche's system checks: settings of a builder that no build could work with."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from avalanche.agent.tools import choice
from serpent_infra.settings.environment import Role


@register()
def check_build_tool(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001, ANN401
    """The build tool of a builder is there and is one."""
    if settings.SERPENT_ROLE is Role.HUB:
        return []
    try:
        choice.find(settings.SERPENT_BUILD_TOOL)
    except choice.UnknownBuildTool as error:
        hint = "Name our own, `builtin`, or give the import path of a class that is installed here."
        return [Error(str(error), hint=hint, id="avalanche.E001")]
    return []
