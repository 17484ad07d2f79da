"""Three recipes built here and published by the real repository, and somebody who may withdraw."""

from pathlib import Path

import pytest
from guardian.shortcuts import assign_perm
from pytest_django import Settings

from serpent_infra.accounts.models import User
from summit import publishing
from summit.models import Profile
from summit.states import TaskStatus
from tests.factories import vessel as stones
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository, make_task, make_user
from tests.integration.summit.withdrawing.acting import publish

NEEDS = {"zlib": (), "libpng": ("binary(zlib)",), "nano": ()}


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Path:
    for name in ("PUBLIC", "IMPORTS", "SECRETS", "MIRRORS"):
        setattr(settings, f"SERPENT_{name}_DIR", tmp_path / name.lower())
    (tmp_path / "stones").mkdir()
    publishing.forget()
    return tmp_path


@pytest.fixture
def profile(place: Path, db: None) -> Profile:
    """Three recipes, built here and published, two packages each."""
    profile = make_profile(make_project())
    repository = make_repository(profile.project)
    stones.make_stream(at=AT)
    for name, needs in NEEDS.items():
        recipe = make_recipe(repository, name, provides=[f"binary({name})"], needs=needs)
        make_task(recipe, profile, TaskStatus.COMPLETED)
        publish(place, name, f"{name}-devel", needs=needs)
    return profile


@pytest.fixture
def ada(profile: Profile) -> User:
    """May withdraw, and nothing else."""
    user = make_user()
    assign_perm("summit.withdraw_packages", user, profile.project.repositories.get())
    return user
