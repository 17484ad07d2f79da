"""What people order of builds, projects and profiles, by page and by API: each with its right, reason and row."""

from typing import Any

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm

from serpent_infra.accounts.models import User
from summit import controls, dispatch, lifecycle, planning
from summit.models import BuildTask, ControlEvent, Profile, Project, Repository, TaskEdge
from summit.states import IllegalTransition, TaskStatus
from tests.factories.summit import AT, make_project, make_recipe, make_repository, make_task, make_user
from tests.fakes.doors import FakeFleet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]

SWITCHES = ["projects/main/pause", "projects/main/profiles/x86_64/pause"]


@pytest.fixture
def packager(repository: Repository) -> User:
    user = make_user("grace")
    assign_perm("summit.push_build", user, repository)
    return user


@pytest.fixture
def manager(repository: Repository) -> User:
    user = make_user("mary")
    assign_perm("summit.manage", user, repository)
    return user


@pytest.fixture
def task(doors: None, profile: Profile, repository: Repository) -> BuildTask:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    planning.plan(profile, at=AT)
    return BuildTask.objects.get(source_name="zlib")


def order(client: Client, path: str, *, api: bool, **body: str) -> Any:
    if api:
        return client.post(f"/api/v1/{path}/", body, content_type="application/json")
    return client.post(f"/{path}/", body)


def test_whoever_manages_all_repositories_of_a_project_controls_it(
    project: Project, repository: Repository, packager: User, manager: User
) -> None:
    admin = make_user("root", is_superuser=True)
    other = make_project("other")
    for user, mine in ((packager, set()), (manager, {project}), (admin, {project, other})):
        assert set(Project.objects.controllable_by(user)) == mine
        assert {one for one in Project.objects.all() if one.can_control(user)} == mine
    second = make_repository(project, slug="kde")
    assert not project.can_control(manager)
    assign_perm("summit.manage", manager, second)
    assert list(Project.objects.controllable_by(manager)) == [project]


@pytest.mark.parametrize("api", [False, True])
@pytest.mark.parametrize("path", SWITCHES)
def test_a_manager_pauses_and_resumes_with_a_reason_that_everybody_reads(
    client: Client, profile: Profile, manager: User, *, path: str, api: bool
) -> None:
    client.force_login(manager)
    assert order(client, path, api=api, reason="the mirror moves").status_code == (200 if api else 302)
    assert not Profile.objects.running().exists()
    event = ControlEvent.objects.get()
    assert (event.actor, event.action, event.sentence) == (manager, "pause", "the mirror moves")
    assert event.project == profile.project
    assert event.profile == (profile if "profiles" in path else None)
    assert order(client, path, api=api).status_code == 409
    client.logout()
    html = client.get("/~/main").content.decode()
    assert "the mirror moves" in html
    assert "mary" in html
    [told] = client.get("/api/v1/projects/main/controls/").json()["results"]
    assert (told["actor"], told["action"], told["sentence"]) == ("mary", "pause", "the mirror moves")
    client.force_login(manager)
    assert order(client, path.replace("pause", "resume"), api=api).status_code == (200 if api else 302)
    assert Profile.objects.running().exists()
    assert [row.action for row in ControlEvent.objects.of(profile.project)] == ["resume", "pause"]


@pytest.mark.parametrize("api", [False, True])
@pytest.mark.parametrize("path", SWITCHES)
def test_nobody_else_pauses(client: Client, profile: Profile, packager: User, *, path: str, api: bool) -> None:
    answer = order(client, path, api=api)
    assert answer.status_code in {302, 401, 403}
    client.force_login(packager)
    assert order(client, path, api=api).status_code == 403
    assert Profile.objects.running().exists()
    assert not ControlEvent.objects.exists()
    assert "Pause" not in client.get("/~/main").content.decode()


@pytest.mark.usefixtures("task")
def test_a_pause_keeps_what_runs_and_holds_the_rest(project: Project, fleet: FakeFleet, manager: User) -> None:
    fleet.add_slots(count=2)
    assert dispatch.dispatch(at=AT) == 1
    controls.pause(project, actor=manager, at=AT)
    recipe = make_recipe(project.repositories.get(), "nano")
    make_task(recipe, project.profiles.get())
    assert dispatch.dispatch(at=AT) == 0
    assert BuildTask.objects.get(source_name="zlib").status == TaskStatus.BUILDING
    controls.resume(project, actor=manager, at=AT)
    assert dispatch.dispatch(at=AT) == 1


def test_who_looked_before_another_paused_it_is_told(project: Project, manager: User) -> None:
    seen = Project.objects.get()
    controls.pause(project, actor=manager, at=AT)
    with pytest.raises(IllegalTransition, match="Main is paused already"):
        controls.pause(seen, actor=manager, at=AT)
    assert ControlEvent.objects.count() == 1


@pytest.mark.parametrize("api", [False, True])
@pytest.mark.parametrize(
    ("verb", "status", "sentence"),
    [
        ("fail", TaskStatus.FAILED, "enough of it"),
        ("cancel", TaskStatus.CANCELLED, "enough of it"),
        ("expedite", TaskStatus.QUEUED, "put before all others: enough of it"),
    ],
)
def test_an_order_is_recorded_with_who_and_why(
    client: Client, task: BuildTask, packager: User, *, verb: str, status: TaskStatus, sentence: str, api: bool
) -> None:
    client.force_login(make_user("eve"))
    assert order(client, f"builds/{task.pk}/{verb}", api=api).status_code == 403
    client.force_login(packager)
    answer = order(client, f"builds/{task.pk}/{verb}", api=api, reason="enough of it")
    assert answer.status_code == (200 if api else 302)
    task.refresh_from_db()
    event = task.events.order_by("pk").last()
    assert event is not None
    assert (task.status, event.target, event.actor, event.sentence) == (status, status, packager, sentence)
    assert order(client, f"builds/{task.pk}/{verb}", api=api).status_code == 409


@pytest.mark.parametrize("api", [False, True])
def test_a_retry_says_why_and_frees_what_was_blocked(
    client: Client, task: BuildTask, packager: User, *, api: bool
) -> None:
    lifecycle.give_up(task, actor=packager, why="no hope", at=AT)
    assert BuildTask.objects.get(source_name="libpng").problem == (
        "needs zlib 1.0-1 for pkgconfig(zlib), which was marked as failed"
    )
    client.force_login(packager)
    assert order(client, f"builds/{task.pk}/retry", api=api, reason="hope").status_code == (200 if api else 302)
    assert set(BuildTask.objects.values_list("status", flat=True)) == {TaskStatus.QUEUED}
    event = task.events.order_by("pk").last()
    assert event is not None
    assert (event.actor, event.sentence) == (packager, "hope")


def test_a_reason_that_is_too_long_is_refused_with_a_problem(client: Client, task: BuildTask, packager: User) -> None:
    client.force_login(packager)
    answer = order(client, f"builds/{task.pk}/cancel", api=True, reason="x" * 301)
    assert (answer.status_code, answer["content-type"]) == (400, "application/problem+json")
    assert "reason" in answer.json()["errors"]
    assert order(client, f"builds/{task.pk}/cancel", api=False, reason="x" * 301).status_code == 400
    task.refresh_from_db()
    assert task.status == TaskStatus.QUEUED


def test_marking_as_failed_ends_the_running_attempt_and_is_too_late_while_publishing(
    task: BuildTask, fleet: FakeFleet, packager: User
) -> None:
    fleet.add_slots()
    dispatch.dispatch(at=AT)
    task.refresh_from_db()
    lifecycle.give_up(task, actor=packager, why="", at=AT)
    assert (task.status, task.failure_kind, task.problem) == (
        TaskStatus.FAILED,
        lifecycle.GIVEN_UP,
        "marked as failed by a person",
    )
    assert fleet.cancelled == {fleet.order_for("zlib").attempt}
    late = make_task(make_recipe(task.recipe.repository, "nano"), task.profile, TaskStatus.PUBLISHING)
    with pytest.raises(IllegalTransition, match=r"nano .* is publishing"):
        lifecycle.give_up(late, actor=packager, why="", at=AT)


def test_hurrying_a_build_hurries_what_it_waits_for_and_tells_each(task: BuildTask, packager: User) -> None:
    libpng = BuildTask.objects.get(source_name="libpng")
    assert TaskEdge.objects.unmet().get().needs == task
    lifecycle.expedite(libpng, actor=packager, at=AT)
    told = {one.source_name: one.events.order_by("pk").last() for one in BuildTask.objects.filter(is_expedited=True)}
    assert {name: event and event.sentence for name, event in told.items()} == {
        "libpng": "put before all others",
        "zlib": "put before all others, because libpng waits for it",
    }
    with pytest.raises(IllegalTransition, match="put before all others already"):
        lifecycle.expedite(libpng, actor=packager, at=AT)


def test_the_page_offers_what_the_state_allows_and_the_right_permits(
    client: Client, task: BuildTask, packager: User
) -> None:
    def buttons() -> list[str]:
        html = client.get(task.get_absolute_url()).content.decode()
        return [word for word in ("Retry", "Build first", "Mark as failed", "Cancel") if f">{word}</button>" in html]

    assert buttons() == []
    client.force_login(packager)
    assert buttons() == ["Build first", "Mark as failed", "Cancel"]
    lifecycle.give_up(task, actor=packager, why="", at=AT)
    assert buttons() == ["Retry"]
