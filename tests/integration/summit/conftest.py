"""The doors of summit, faked; and a project to work in."""

from pathlib import Path

import pytest
from pytest_django import Settings

from summit import dispatch, publishing
from summit.models import Profile, Project, Repository
from tests.factories.summit import make_profile, make_project, make_repository
from tests.fakes.doors import FakeFleet, FakeRepository


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> FakeFleet:
    fake = FakeFleet()
    monkeypatch.setattr(dispatch, "avalanche", fake)
    return fake


@pytest.fixture
def vessel(monkeypatch: pytest.MonkeyPatch) -> FakeRepository:
    fake = FakeRepository()
    monkeypatch.setattr(publishing, "vessel", fake)
    publishing.forget()
    return fake


@pytest.fixture
def doors(fleet: FakeFleet, vessel: FakeRepository, settings: Settings, tmp_path: Path) -> None:
    """Both doors are fakes, and mirrors are the test's own."""
    assert fleet is not None
    assert vessel is not None
    settings.SERPENT_MIRRORS_DIR = tmp_path / "mirrors"


@pytest.fixture
def project(db: None) -> Project:
    return make_project()


@pytest.fixture
def profile(project: Project) -> Profile:
    return make_profile(project)


@pytest.fixture
def repository(project: Project) -> Repository:
    return make_repository(project)
