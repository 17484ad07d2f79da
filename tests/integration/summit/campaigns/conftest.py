"""A small published distribution, and two people: one may push to its recipes, one may not."""

from dataclasses import dataclass

import pytest
from guardian.shortcuts import assign_perm

from serpent_infra.accounts.models import User
from summit.campaigns import tree
from summit.models import Profile, Recipe, Repository
from tests.factories.summit import make_recipe, make_user
from tests.fakes.doors import FakeFleet, FakeRepository

# name, what it provides, what its build needs, what its packages need
DISTRIBUTION: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("zlib", ("pkgconfig(zlib)", "soname(libz.so.1)"), (), ()),
    ("libpng", ("pkgconfig(libpng)",), ("pkgconfig(zlib)",), ("soname(libz.so.1)",)),
    ("viewer", (), ("pkgconfig(libpng)",), ()),
    ("flex", ("binary(flex)",), ("binary(file)", "pkgconfig(zlib)"), ()),
    ("file", ("binary(file)",), ("binary(flex)",), ("soname(libz.so.1)",)),
    ("nano", (), (), ()),
)


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    tree.forget()


@pytest.fixture
def recipes(doors: None, vessel: FakeRepository, repository: Repository) -> dict[str, Recipe]:
    """All of it is published at release 1."""
    made = {}
    for name, provides, needs, run in DISTRIBUTION:
        made[name] = make_recipe(repository, name, provides=provides, needs=needs, run=run)
        vessel.publish(name, 1, *provides)
    return made


@pytest.fixture
def grace(repository: Repository) -> User:
    user = make_user("grace")
    assign_perm("summit.push_build", user, repository)
    return user


@pytest.fixture
def eve(profile: Profile) -> User:
    assert profile.pk
    return make_user("eve")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """All of it, for tests that need many."""

    profile: Profile
    recipes: dict[str, Recipe]
    grace: User
    fleet: FakeFleet
    vessel: FakeRepository


@pytest.fixture
def stage(profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet, vessel: FakeRepository) -> Stage:
    fleet.add_slots(count=4)
    return Stage(profile=profile, recipes=recipes, grace=grace, fleet=fleet, vessel=vessel)
