"""What tests of pages share: the farm, templates that refuse invalid variables, and counted queries."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.template import engines
from django.utils import timezone
from pytest_django import Settings

from tests.scenarios.farm import Farm, make_farm


class Refusal(str):
    """Stands where Django would print nothing for an unknown variable, and remembers which it was."""

    __slots__ = ()

    unknown: ClassVar[set[str]] = set()

    def __contains__(self, text: object) -> bool:
        return text == "%s"

    def __mod__(self, variable: Any) -> str:
        self.unknown.add(str(variable))
        return ""


@pytest.fixture
def strict_templates() -> Iterator[None]:
    engine = engines["django"].engine  # type: ignore[attr-defined]
    before = engine.string_if_invalid
    engine.string_if_invalid = Refusal("invalid")
    Refusal.unknown.clear()
    yield
    engine.string_if_invalid = before
    assert set() == Refusal.unknown, "templates use variables that their views do not give"


@pytest.fixture
def farm(db: None, settings: Settings, tmp_path: Path) -> Farm:
    for name in ("LOGS", "SECRETS", "PUBLIC", "IMPORTS", "MIRRORS"):
        setattr(settings, f"SERPENT_{name}_DIR", tmp_path / name.lower())
    settings.CELERY_BROKER_URL = "memory://"
    return make_farm(timezone.now())
