"""How long it takes to say what a campaign on the real recipes would do, all of them published."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import decode_manifest
from summit import bulk, dispatch, publishing
from summit.campaigns import tree
from summit.campaigns.preview import preview
from summit.models import CampaignKind, Dependency, Profile, Provider, Recipe
from tests.bench.tables import Sample, milliseconds, print_table
from tests.factories.summit import AT, make_profile, make_project, make_repository, make_user
from tests.fakes.doors import FakeFleet, FakeRepository
from vessel.interfaces import PublishedPackage

pytestmark = [pytest.mark.bench, pytest.mark.django_db, pytest.mark.real_data]

SLOTS = 8
REPEATS = 15
MOST = 0.3  # seconds, in a process that has read the tree before


@pytest.fixture
def published_tree(recipe_tree: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """The recipes with what their manifests say, a stream that offers all of it, and a fleet."""
    vessel, fleet = FakeRepository(), FakeFleet()
    monkeypatch.setattr(publishing, "vessel", vessel)
    monkeypatch.setattr(dispatch, "avalanche", fleet)
    fleet.add_slots(count=SLOTS)
    project = make_project()
    profile, repository = make_profile(project), make_repository(project)
    provides: list[tuple[int, str, int, str]] = []
    needs: list[tuple[int, str, int, str, str]] = []
    packages, recipes = [], []
    for key, path in enumerate(sorted(recipe_tree.glob("*/*/manifest.x86_64.bin")), start=1):
        of_recipe = decode_manifest(path)
        first = of_recipe[0]
        recipe = Recipe(
            pk=key,
            repository=repository,
            path=str(path.relative_to(recipe_tree).with_name("stone.yaml")),
            name=first.source_id,
            version=first.version,
            release=first.release,
            commit="c" * 40,
            manifests=["x86_64"],
        )
        recipes.append(recipe)
        for package in of_recipe:
            provides += [(key, package.name, one.kind, one.target) for one in package.providers]
            needs += [(key, "", one.kind, one.target, "build") for one in package.build_depends]
            needs += [(key, package.name, one.kind, one.target, "run") for one in package.depends]
            packages.append(_published(first.source_id, package.name, package.providers, package.depends, recipe))
    Recipe.objects.bulk_create(recipes, batch_size=500)
    columns = ("recipe_id", "package", "kind", "target")
    bulk.insert(Provider, (*columns, "architecture"), ((*row, "x86_64") for row in provides))
    bulk.insert(Dependency, (*columns, "usage", "architecture", "implied_by"), ((*row, "x86_64", "") for row in needs))
    vessel.streams["main", "volatile"] = packages
    vessel.versions["main", "volatile"] = 1
    publishing.forget()
    return profile


def _published(
    source: str, name: str, provides: frozenset[Capability], depends: frozenset[Capability], recipe: Recipe
) -> PublishedPackage:
    return PublishedPackage(
        name=name,
        source_name=source,
        version=recipe.version,
        release=recipe.release,
        build_release=1,
        architecture="x86_64",
        provides=frozenset(provides) | {Capability.name(name)},
        depends=frozenset(depends),
    )


CHOICES = (
    (CampaignKind.TREE, ""),
    (CampaignKind.REACH, "zlib-ng"),
    (CampaignKind.RECIPE, "zlib-ng"),
    (CampaignKind.CAPABILITY, "soname(libz.so.1(x86_64))"),
)


def test_saying_what_a_campaign_would_do(published_tree: Profile) -> None:
    user = make_user()
    rows, slow = [], []
    for kind, argument in CHOICES:
        tree.forget()

        def look(kind: CampaignKind = kind, argument: str = argument) -> int:
            return preview(published_tree, kind, argument, user=user, at=AT).count

        (first,) = _times(look, 1)
        again = Sample(f"{kind} {argument}".strip(), _times(look, REPEATS))
        rows.append([again.name, f"{look():,}", *map(milliseconds, (first, again.median, again.quantile(0.95)))])
        slow += [again.name] if again.median > MOST else []
    print_table(
        "What a campaign would do, before the click",
        how="1,737 recipes, all published; one process, SQLite; `first` reads all that recipes provide and need.",
        header=["choice", "recipes", "first", "again p50", "again p95"],
        rows=rows,
    )
    assert slow == []


def _times(work: Callable[[], int], repeats: int) -> list[float]:
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found
