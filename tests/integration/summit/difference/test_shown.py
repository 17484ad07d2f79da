"""Where the difference is shown: the page of a submission and the API, also when the mirror is gone."""

import shutil
import struct
from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from serpent_infra.git import MirrorBroken
from summit import difference
from summit.models import BuildTask, Repository, Submission
from summit.refresh.run import mirror_of
from summit.states import SubmissionStatus, TaskStatus
from tests.factories.summit import GitTree, recipe_text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors", "strict_templates")]


def test_a_mirror_that_is_gone_is_a_sentence(
    next_release: Callable[[], Submission], client: Client, settings: Settings
) -> None:
    submission = next_release()
    shutil.rmtree(settings.SERPENT_MIRRORS_DIR)
    html = client.get(submission.get_absolute_url()).content.decode()
    assert "It cannot be shown: there is no mirror of" in html
    [recipe] = client.get(f"/api/v1/submissions/{submission.pk}/diff/").json()["recipes"]
    assert recipe["problem"].startswith("there is no mirror of")
    assert recipe["files"] == []


def test_a_damaged_mirror_is_a_sentence(next_release: Callable[[], Submission], client: Client) -> None:
    submission = next_release()
    for pack in mirror_of(submission.repository).path.glob("objects/pack/*.pack"):
        pack.chmod(0o644)
        pack.write_bytes(struct.pack(">4sII", b"PACK", 2, 0))
    for loose in mirror_of(submission.repository).path.glob("objects/??/*"):
        loose.unlink()
    response = client.get(submission.get_absolute_url())
    assert response.status_code == 200
    assert "It cannot be shown: " in response.content.decode()


def test_the_page_shows_signs_numbers_and_what_it_is_held_against(
    next_release: Callable[[], Submission], client: Client
) -> None:
    submission = next_release()
    html = " ".join(client.get(submission.get_absolute_url()).content.decode().split())
    assert '<tr class="removed"><td class="line">3</td><td class="line"></td><td class="sign">-</td>' in html
    assert '<tr class="added"><td class="line"></td><td class="line">3</td><td class="sign">+</td>' in html
    assert '<td class="code">release: 2</td>' in html
    task = BuildTask.objects.get(status=TaskStatus.COMPLETED)
    assert f'Against <a href="/builds/{task.pk}/">1.0-1</a>, which was built last' in html


def test_the_api_gives_the_unified_diff(next_release: Callable[[], Submission], client: Client) -> None:
    submission = next_release()
    document = client.get(f"/api/v1/submissions/{submission.pk}/diff/").json()
    assert (document["count"], document["page"], document["pages"]) == (1, 1, 1)
    [recipe] = document["recipes"]
    task = BuildTask.objects.get(status=TaskStatus.COMPLETED)
    assert (recipe["name"], recipe["base_commit"], recipe["base_build"]) == ("nano", task.commit, task.pk)
    [stone] = recipe["files"]
    assert (stone["path"], stone["kind"], stone["is_words"]) == ("stone.yaml", "changed", False)
    assert "\n-release: 1\n" in stone["text"]


def test_strangers_see_nothing_of_a_private_repository(next_release: Callable[[], Submission], client: Client) -> None:
    submission = next_release()
    Repository.objects.update(is_private=True)
    assert client.get(submission.get_absolute_url()).status_code == 404
    assert client.get(f"/api/v1/submissions/{submission.pk}/diff/").status_code == 404


def test_many_recipes_are_pages_and_cost_the_same_queries(
    tree: GitTree,
    propose: Callable[[], Submission],
    monkeypatch: pytest.MonkeyPatch,
    client: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(difference, "PAGE_SIZE", 5)
    for number in range(12):
        tree.write(f"x/x{number:02}/stone.yaml", recipe_text(f"x{number:02}"))
    tree.commit("Add a dozen")
    submission = propose()
    assert submission.status == SubmissionStatus.IN_REVIEW
    with django_assert_max_num_queries(5):
        page = difference.page_of(submission, number="2")
        names = [recipe.task.source_name for recipe in page.recipes]
    assert names == [f"x{number:02}" for number in range(5, 10)]
    assert difference.page_of(submission, number="nonsense").place.number == 1
    assert difference.page_of(submission, number=99).place.number == 3
    html = client.get(f"{submission.get_absolute_url()}?page=2").content.decode()
    assert "6–10 of 12" in html
    assert html.count('class="difference"') == 5


def test_a_lost_object_is_named_as_ours(next_release: Callable[[], Submission]) -> None:
    submission = next_release()
    with pytest.raises(MirrorBroken):
        mirror_of(submission.repository).size("ab" * 20)
