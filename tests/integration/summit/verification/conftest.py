"""A profile that wants everything built twice, and two people with a builder each."""

import pytest

from serpent_infra.accounts.models import User
from summit import planning
from summit.models import Profile, Repository, VerificationPolicy
from tests.factories.summit import AT, make_recipe, make_user
from tests.fakes.doors import FakeRepository


@pytest.fixture
def owners() -> tuple[User, User]:
    return make_user("ada"), make_user("bea")


@pytest.fixture
def verifying(profile: Profile, repository: Repository, vessel: FakeRepository) -> Profile:
    """A profile that wants everything built twice, and zlib to build."""
    assert not vessel.imports
    profile.verification = VerificationPolicy.EVERY_BUILD
    profile.save()
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    planning.plan(profile, at=AT)
    return profile
