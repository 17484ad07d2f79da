"""What a submission reaches: which recipes, for how long on today's fleet, and what its page says of that."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from summit.campaigns import tree
from summit.campaigns.impact import impacts
from summit.models import Repository, Submission
from summit.states import TaskStatus
from tests.factories.summit import AT, make_recipe, make_repository, make_task, make_user, release_again
from tests.integration import pages
from tests.integration.summit.campaigns.conftest import Stage

strict_templates = pages.strict_templates
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("strict_templates")]


def submit(stage: Stage, *names: str) -> Submission:
    """Makes the submission of the first whose tasks are those of all of them."""
    first, *others = (make_task(release_again(stage.recipes[name]), stage.profile) for name in names)
    for task in others:
        type(task).objects.filter(pk=task.pk).update(submission=first.submission)
    return first.submission


def read(client: Client, submission: Submission, *, fragment: bool = False) -> str:
    headers = {"hx-request": "true"} if fragment else {}
    response = client.get(f"{submission.get_absolute_url()}impact/", headers=headers)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_it_counts_what_is_built_with_its_recipes_at_any_distance_and_not_these(stage: Stage) -> None:
    [impact] = impacts(submit(stage, "zlib", "libpng"), user=stage.grace, at=AT)
    assert impact.names == ["file", "flex", "viewer"]
    assert (impact.preview.count, impact.cycle, impact.unnamed) == (3, 2, 0)
    assert (impact.profile, impact.preview.slots, impact.preview.shape.in_cycles) == (stage.profile, 4, 2)
    assert impact.preview.seconds == pytest.approx(60.0)  # each alone: the three guesses of a minute fit four slots


def test_what_is_not_published_as_it_is_now_is_reached_all_the_same(stage: Stage) -> None:
    release_again(stage.recipes["viewer"])
    make_recipe(stage.recipes["zlib"].repository, "newcomer", needs=["pkgconfig(libpng)"])
    [impact] = impacts(submit(stage, "zlib"), user=stage.grace, at=AT)
    assert impact.names == ["file", "flex", "libpng", "newcomer", "viewer"]
    assert impact.preview.shape.work == pytest.approx(5 * 60.0)


def test_a_visitor_signs_in_first_and_finds_a_link_without_script(client: Client, stage: Stage) -> None:
    submission = submit(stage, "zlib")
    page = submission.get_absolute_url()
    assert "Sign in to see what it reaches" in client.get(page).content.decode()
    answer = client.get(f"{page}impact/")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/login/")
    client.force_login(stage.grace)
    html = client.get(page).content.decode()
    assert f'<a href="{page}impact/">' in html
    assert f'hx-get="{page}impact/"' in html


def test_the_page_and_its_fragment_say_the_figures(client: Client, stage: Stage) -> None:
    submission = submit(stage, "zlib")
    client.force_login(stage.grace)
    whole, part = read(client, submission), read(client, submission, fragment=True)
    assert "<html" in whole
    assert "<html" not in part
    for html in (whole, part):
        assert "Reaches 4 recipes, about 2 min on 4 slots, 2 in a cycle" in html
        assert "4 were never built here" in html
        assert '<li class="pill">viewer</li>' in html
    assert "Reaches nothing" in read(client, submit(stage, "nano"), fragment=True)
    rejected = Submission.objects.create(
        repository=submission.repository, commit="e" * 40, status="rejected", created_at=AT
    )
    assert "It has no builds" in read(client, rejected)


def test_nobody_learns_of_recipes_that_they_may_not_see(client: Client, stage: Stage) -> None:
    hidden = make_repository(stage.profile.project, slug="hidden", is_private=True)
    recipe = make_recipe(hidden, "secret", needs=["pkgconfig(zlib)"])
    stage.vessel.publish("secret", 1)
    submission = submit(stage, "zlib")
    [impact] = impacts(submission, user=stage.grace, at=AT)
    assert "secret" not in impact.names
    [impact] = impacts(submission, user=make_user("root", is_superuser=True), at=AT)
    assert "secret" in impact.names
    client.force_login(stage.grace)
    task = make_task(recipe, stage.profile, TaskStatus.COMPLETED)
    assert client.get(f"/submissions/{task.submission_id}/impact/").status_code == 404


def test_its_queries_do_not_grow_with_what_it_reaches(client: Client, stage: Stage) -> None:
    submission = submit(stage, "zlib")
    client.force_login(stage.grace)
    repository, counts = Repository.objects.get(), []
    for size in (1, 30):
        for number in range(size):
            name = f"user-{size}-{number}"
            make_recipe(repository, name, needs=["pkgconfig(zlib)"])
            stage.vessel.publish(name, 1)
        tree.forget()
        with CaptureQueriesContext(connection) as captured:
            html = read(client, submission, fragment=True)
        counts.append(len(captured))
    assert "Reaches 35 recipes" in html
    assert counts[0] == counts[1] <= 40
