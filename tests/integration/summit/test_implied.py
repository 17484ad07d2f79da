"""Implied needs in the database: stored, waited for, and given up when what they lead to fails."""

import pytest
from django.test import Client

from summit import lifecycle, ordering, planning, relations
from summit.models import BuildTask, Dependency, Profile, Recipe, Repository, TaskEdge
from summit.needs import EdgeKind, Usage
from summit.states import TaskStatus
from tests.factories.summit import AT, make_recipe, make_user
from tests.fakes.doors import FakeRepository
from tests.integration import pages

strict_templates = pages.strict_templates
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def imply(recipe: Recipe, target: str, by: str) -> None:
    Dependency.objects.create(recipe=recipe, kind=0, target=target, usage=Usage.IMPLIED, implied_by=by)


@pytest.fixture
def planned(profile: Profile, repository: Repository) -> Profile:
    make_recipe(repository, "cmake")
    for name in ("gtk", "qt"):
        imply(make_recipe(repository, name), "cmake", "%cmake")
    make_recipe(repository, "vim", needs=["gtk"])
    imply(make_recipe(repository, "nano"), "nothing-provides-this", "every build root")
    planning.plan(profile, at=AT)
    return profile


def task_of(name: str) -> BuildTask:
    return BuildTask.objects.get(source_name=name)


def test_an_implied_need_is_stored_and_waited_for(planned: Profile) -> None:
    edge = TaskEdge.objects.get(task=task_of("gtk"))
    assert (edge.needs, edge.usage, edge.kind, edge.capability) == (task_of("cmake"), "implied", EdgeKind.HARD, "cmake")
    assert [task_of(name).blockers for name in ("cmake", "gtk", "qt", "vim", "nano")] == [0, 1, 1, 1, 0]
    assert task_of("nano").status == TaskStatus.QUEUED
    assert planned.tasks.count() == 5


def test_what_only_implies_a_failed_build_goes_on_without_it(planned: Profile) -> None:
    lifecycle.fail(task_of("cmake"), kind="phase", problem="no", at=AT)
    statuses = dict(BuildTask.objects.values_list("source_name", "status"))
    assert statuses == {"cmake": "failed", "gtk": "queued", "qt": "queued", "vim": "queued", "nano": "queued"}
    assert [task_of(name).blockers for name in ("gtk", "qt", "vim")] == [0, 0, 1]
    assert not TaskEdge.objects.unmet().filter(task=task_of("gtk")).exists()
    ordering.reorder(planned, at=AT)
    assert [task_of(name).blockers for name in ("gtk", "qt", "vim")] == [0, 0, 1], "a full computation says the same"
    lifecycle.retry(task_of("cmake"), actor=make_user(), at=AT)
    assert [task_of(name).blockers for name in ("gtk", "qt", "vim")] == [1, 1, 1]


def test_who_goes_on_without_a_build_waits_for_what_that_waited_for(profile: Profile, repository: Repository) -> None:
    make_recipe(repository, "glibc")
    make_recipe(repository, "clang", needs=["glibc"])
    gtk = make_recipe(repository, "gtk")
    for name in ("glibc", "clang"):
        imply(gtk, name, "every build root")
    planning.plan(profile, at=AT)
    assert [edge.needs for edge in TaskEdge.objects.filter(task=task_of("gtk"))] == [task_of("clang")]
    lifecycle.cancel(task_of("clang"), actor=make_user(), at=AT)
    assert [edge.needs for edge in TaskEdge.objects.filter(task=task_of("gtk"))] == [task_of("glibc")]
    assert task_of("gtk").blockers == 1


def test_what_only_implies_a_blocked_build_goes_on_without_it(planned: Profile) -> None:
    imply(Recipe.objects.get(name="nano"), "vim", "%vim")
    ordering.reorder(planned, at=AT)
    assert task_of("nano").blockers == 1
    lifecycle.fail(task_of("gtk"), kind="phase", problem="no", at=AT)
    assert (task_of("vim").status, task_of("nano").blockers) == ("blocked", 0)
    ordering.reorder(planned, at=AT)
    assert (task_of("vim").status, task_of("nano").blockers) == ("blocked", 0)


def test_a_published_need_is_named_where_it_gives_way(
    profile: Profile, repository: Repository, vessel: FakeRepository
) -> None:
    one, other = make_recipe(repository, "one"), make_recipe(repository, "other")
    imply(one, "other", "%other")
    imply(other, "one", "%one")
    planning.plan(profile, at=AT)
    assert set(TaskEdge.objects.values_list("kind", flat=True)) == {EdgeKind.STAGED}
    assert set(BuildTask.objects.values_list("status", "blockers")) == {("queued", 0)}
    assert vessel.streams


@pytest.mark.usefixtures("strict_templates")
def test_the_page_and_the_api_say_what_implies_what(planned: Profile, client: Client) -> None:
    recipe = Recipe.objects.get(name="gtk")
    page = client.get(recipe.get_absolute_url()).content.decode()
    assert "%cmake" in page
    told = client.get(f"/api/v1/recipes/{recipe.pk}/").json()
    assert (told["build_depends"], told["implied_depends"]) == ([], {"cmake": "%cmake"})
    assert planned.tasks.exists()


def test_who_is_needed_by_every_root_lists_only_who_asks_for_it(planned: Profile) -> None:
    cmake, user = Recipe.objects.get(name="cmake"), make_user()
    assert [row.name for row in relations.dependants(cmake, published=(), user=user)] == ["gtk", "qt"]
    Dependency.objects.update(implied_by="every build root")
    assert relations.dependants(cmake, published=(), user=user) == []
    assert planned.tasks.exists()
