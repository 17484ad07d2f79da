"""The REST API of summit: what it tells, what it orders for whom, and how many queries a list costs."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries

from serpent_infra.accounts.models import User
from summit import dispatch, lifecycle, planning, settling
from summit.models import BuildTask, Profile, Repository
from summit.states import TaskStatus
from tests.factories.summit import AT, make_recipe, make_task, make_user
from tests.fakes.doors import FakeFleet, FakeRepository

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


@pytest.fixture
def packager(repository: Repository) -> User:
    user, group = make_user("grace"), Group.objects.create(name="plasma")
    user.groups.add(group)
    assign_perm("summit.push_build", group, repository)
    return user


@pytest.fixture
def task(profile: Profile, repository: Repository) -> BuildTask:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"], needs=["binary(make)"])
    planning.plan(profile, at=AT)
    return BuildTask.objects.get()


def test_projects_say_what_they_hold(client: Client, profile: Profile, repository: Repository) -> None:
    assert profile.project == repository.project
    make_recipe(repository, "zlib")
    [project] = client.get("/api/v1/projects/").json()["results"]
    assert (project["slug"], project["repository_count"], project["recipe_count"]) == ("main", 1, 1)
    assert project["profiles"][0]["stream"] == "volatile"
    assert client.get("/api/v1/projects/main/").json()["title"] == "Main"


def test_a_password_in_an_origin_is_told_to_nobody_but_the_builder(
    client: Client, profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    Repository.objects.update(origin_uri="https://bot:s3cret@git.example/recipes.git")
    make_recipe(repository, "zlib")
    planning.plan(profile, at=AT)
    fleet.add_slots()
    dispatch.dispatch(at=AT)
    attempt = fleet.order_for("zlib")
    assert attempt.source.origin_uri == "https://bot:s3cret@git.example/recipes.git"
    fleet.end(attempt.attempt, at=AT)
    settling.settle_attempt(attempt.attempt, at=AT)
    [order] = vessel.imports.values()
    assert order.provenance["repository"] == "https://git.example/recipes.git"
    told = client.get("/api/v1/repositories/main/recipes/")
    assert told.json()["origin_uri"] == "https://git.example/recipes.git"
    for address in ("/api/v1/repositories/", "/~/main/recipes", "/~/main/recipes/zlib", "/"):
        assert "s3cret" not in client.get(address).content.decode()


def test_a_recipe_says_what_it_provides_and_needs(client: Client, task: BuildTask) -> None:
    [row] = client.get("/api/v1/recipes/?q=zli").json()["results"]
    recipe = client.get(f"/api/v1/recipes/{row['id']}/").json()
    assert recipe["provides"] == ["pkgconfig(zlib)", "zlib"]
    assert recipe["build_depends"] == ["binary(make)"]
    assert task.recipe_id == row["id"]


def test_a_build_explains_itself(client: Client, task: BuildTask) -> None:
    build = client.get(f"/api/v1/builds/{task.pk}/").json()
    assert build["status"] == "blocked"
    assert build["explanation"].startswith("It is blocked. Needs binary(make), which no recipe")
    assert [event["target"] for event in build["events"]] == ["queued", "blocked"]


def test_a_build_lists_its_attempts(client: Client, profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    make_recipe(repository, "nano")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    build = client.get(f"/api/v1/builds/{BuildTask.objects.get().pk}/").json()
    assert [(row["number"], row["builder"], row["status"]) for row in build["attempts"]] == [(1, "b1", "running")]


@pytest.mark.parametrize("count", [2, 12])
def test_a_list_of_builds_costs_the_same_for_any_length(
    client: Client,
    profile: Profile,
    repository: Repository,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(count):
        make_task(make_recipe(repository, f"p{number}"), profile)
    with django_assert_num_queries(2):
        answer = client.get("/api/v1/builds/?open=true")
    assert answer.json()["count"] == count


@pytest.mark.parametrize("count", [2, 12])
def test_a_list_of_recipes_costs_the_same_for_any_length(
    client: Client, repository: Repository, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        make_recipe(repository, f"p{number}")
    with django_assert_num_queries(2):
        assert client.get("/api/v1/recipes/").json()["count"] == count


@pytest.mark.parametrize("action", ["retry", "cancel", "expedite"])
def test_visitors_and_strangers_order_nothing(client: Client, task: BuildTask, action: str) -> None:
    assert client.post(f"/api/v1/builds/{task.pk}/{action}/").status_code == 401
    client.force_login(make_user("stranger"))
    answer = client.post(f"/api/v1/builds/{task.pk}/{action}/")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_who_may_push_cancels_and_retries(client: Client, task: BuildTask, packager: User) -> None:
    client.force_login(packager)
    answer = client.post(f"/api/v1/builds/{task.pk}/cancel/", content_type="application/json")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    again = client.post(f"/api/v1/builds/{task.pk}/cancel/", content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert (
        client.post(f"/api/v1/builds/{task.pk}/retry/", content_type="application/json").json()["status"] == "blocked"
    )
    assert task.events.filter(actor=packager).count() == 2


def test_the_second_person_decides_and_the_author_does_not(
    client: Client, profile: Profile, repository: Repository
) -> None:
    Repository.objects.update(needs_review=True)
    author, reviewer = make_user("ada"), make_user("grace")
    for user in (author, reviewer):
        assign_perm("summit.review_build", user, repository)
    make_recipe(repository, "linux")
    planning.plan(profile, at=AT)
    task = BuildTask.objects.get()
    assert (task.status, task.submission.author) == (TaskStatus.IN_REVIEW, author)
    address = f"/api/v1/submissions/{task.submission_id}/review/"
    client.force_login(author)
    assert client.post(address, {"verdict": "approve"}, content_type="application/json").status_code == 403
    client.force_login(reviewer)
    assert client.post(address, {"verdict": "perhaps"}, content_type="application/json").status_code == 400
    answer = client.post(address, {"verdict": "approve", "comment": "good"}, content_type="application/json")
    assert answer.json()["status"] == "accepted"
    assert answer.json()["reviews"][0]["reviewer"] == "grace"
    task.refresh_from_db()
    assert task.status == TaskStatus.QUEUED
    assert client.post(address, {"verdict": "reject"}, content_type="application/json").status_code == 409


def test_a_private_repository_is_hidden_from_those_without_a_right(
    client: Client, task: BuildTask, packager: User
) -> None:
    Repository.objects.update(is_private=True)
    for address in (f"builds/{task.pk}", f"recipes/{task.recipe_id}", f"submissions/{task.submission_id}"):
        assert client.get(f"/api/v1/{address}/").status_code == 404
    assert client.get("/api/v1/repositories/").json()["count"] == 0
    client.force_login(packager)
    assert client.get(f"/api/v1/builds/{task.pk}/").status_code == 200
    assert client.get("/api/v1/repositories/").json()["count"] == 1


def test_a_refresh_is_asked_for_by_those_who_may_push(client: Client, repository: Repository, packager: User) -> None:
    address = "/api/v1/repositories/main/recipes/refresh/"
    assert client.post(address).status_code == 401
    client.force_login(packager)
    assert client.post(address).status_code == 202
    assert Repository.objects.refresh_requested(at=AT).get() == repository


def test_expediting_hurries_what_a_build_waits_for_too(
    client: Client, profile: Profile, repository: Repository, packager: User
) -> None:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    make_recipe(repository, "nano")
    planning.plan(profile, at=AT)
    client.force_login(packager)
    client.post(
        f"/api/v1/builds/{BuildTask.objects.get(source_name='libpng').pk}/expedite/", content_type="application/json"
    )
    hurried = BuildTask.objects.filter(is_expedited=True).values_list("source_name", flat=True)
    assert set(hurried) == {"zlib", "libpng"}


def test_the_schema_names_every_address(client: Client) -> None:
    schema = client.get("/api/v1/schema/?format=json").json()
    assert {"/api/v1/builds/{id}/retry/", "/api/v1/recipes/", "/api/v1/submissions/{id}/review/"} <= set(
        schema["paths"]
    )


def test_the_admin_shows_every_table(admin_client: Client, task: BuildTask, repository: Repository) -> None:
    lifecycle.cancel(task, actor=None, at=AT)
    for table in ("project", "profile", "repository", "recipe", "buildtask", "submission"):
        assert admin_client.get(f"/admin/summit/{table}/").status_code == 200
    assert admin_client.get(f"/admin/summit/buildtask/{task.pk}/change/").status_code == 200
    assert admin_client.get(f"/admin/summit/repository/{repository.pk}/permissions/").status_code == 200
