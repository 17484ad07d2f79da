"""summit's pages: what they say, what they cost, who may do what on them."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries

from summit import outlook, publishing
from summit.models import BuildTask, Recipe, Repository, TaskEdge
from summit.states import SubmissionStatus, TaskStatus
from tests.integration import pages
from tests.scenarios.farm import Farm

farm, strict_templates = pages.farm, pages.strict_templates
pytestmark = pytest.mark.usefixtures("strict_templates")

Fetch = Callable[..., str]


@pytest.fixture
def fetch(client: Client) -> Fetch:
    def get(uri: str, *, fragment: bool = False) -> str:
        response = client.get(uri, headers={"hx-request": "true"} if fragment else {})
        assert response.status_code == 200
        return response.content.decode()

    return get


def more_recipes(farm: Farm, number: int) -> None:
    Recipe.objects.bulk_create(
        Recipe(repository=farm.repository, path=f"x/x{n}/stone.yaml", name=f"x{n}", release=1, version="1")
        for n in range(number)
    )


def more_tasks(farm: Farm, number: int) -> None:
    more_recipes(farm, number)
    recipes = Recipe.objects.filter(path__startswith="x/")
    tasks = BuildTask.objects.bulk_create(
        BuildTask(
            submission=farm.submission,
            recipe=recipe,
            profile=farm.profile,
            commit="ab" * 20,
            recipe_path=recipe.path,
            source_name=recipe.name,
            version="1",
            release=1,
            architecture="x86_64",
            status=TaskStatus.QUEUED,
            created_at=farm.at,
            updated_at=farm.at,
        )
        for recipe in recipes
    )
    TaskEdge.objects.bulk_create(TaskEdge(task=task, needs=need, capability="name") for need, task in pairwise(tasks))


# What pages say


def test_home_is_a_page_and_a_fragment_of_it(fetch: Fetch, farm: Farm) -> None:
    whole, part = fetch("/"), fetch("/", fragment=True)
    assert "<html" in whole
    assert "<html" not in part
    for html in (whole, part):
        assert "glib" in html
        assert "A phase failed" in html
        assert 'hx-trigger="every 4s"' in html


def test_a_collection_lists_recipes_beside_its_readme(fetch: Fetch, farm: Farm) -> None:
    html = fetch("/~/serpent-os/main")
    assert "curl</a> - <span" in html
    assert "Line 14: mapping values" in html
    assert "<h2>Recipes</h2>" in html
    assert "a stranger wrote this" not in html
    assert "javascript:alert" not in html.replace("[this](javascript:alert(1))", "")


@pytest.mark.parametrize(
    ("state", "shown", "hidden"),
    [
        ("broken", "nano", "ccache"),
        ("failed", "openssl", "ccache"),
        ("building", "glib", "ccache"),
        ("waiting", "gtk-4", "ccache"),
        ("newer", "curl", "ccache"),
    ],
)
def test_a_collection_is_filtered_by_state(fetch: Fetch, farm: Farm, state: str, shown: str, hidden: str) -> None:
    html = fetch(f"/~/serpent-os/main?state={state}")
    assert f"/~/serpent-os/main/{shown}" in html
    assert f"/~/serpent-os/main/{hidden}" not in html


def test_a_private_repository_is_not_there_for_strangers(client: Client, farm: Farm) -> None:
    for uri in ("/~/serpent-os/embargoed", "/~/serpent-os/embargoed/secret"):
        assert client.get(uri).status_code == 404
    assert b"embargoed" not in client.get("/collections/").content
    client.force_login(farm.people["rex"])
    assign_perm("summit.view_repository", farm.people["rex"], Repository.objects.get(slug="embargoed"))
    assert client.get("/~/serpent-os/embargoed/secret").status_code == 200


def test_a_recipe_says_who_provides_what_it_needs(fetch: Fetch, farm: Farm) -> None:
    html = fetch("/~/serpent-os/main/curl")
    pills = " ".join(html.split())
    assert 'href="/~/serpent-os/main/openssl" title="provided by openssl">pkgconfig(openssl)' in pills
    assert "pkgconfig(libnghttp2) <small>nobody here provides it" in html
    assert 'href="https://spdx.org/licenses/' in html
    html = fetch("/~/serpent-os/main/bash-completion")
    assert "provided by the base image" in html


def test_a_recipe_without_a_manifest_shows_what_was_published(fetch: Fetch, farm: Farm) -> None:
    Recipe.objects.filter(name="ccache").update(manifests=[])
    html = fetch("/~/serpent-os/main/ccache")
    assert 'href="/channels/main/packages/ccache/"' in html
    assert "As published; it has no manifest in git." in html
    assert "soname(libc.so.6(x86_64))" in html  # of the stone, not of the recipe
    assert "not published" in html  # ccache-devel


def test_a_recipe_lists_who_needs_it(fetch: Fetch, farm: Farm) -> None:
    html = fetch("/~/serpent-os/main/zlib")
    needed_by = html[html.index("Needed by") :]
    for name in ("openssl", "curl", "glib"):
        assert f'href="/~/serpent-os/main/{name}"' in needed_by


def test_a_broken_recipe_shows_its_error_with_the_line(fetch: Fetch, farm: Farm) -> None:
    html = fetch("/~/serpent-os/main/nano")
    assert "The recipe does not parse" in html
    assert "Line 14, column 13" in html
    assert "last good state" in html


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("glib", "It is building on"),
        ("gtk-4", "It waits for"),
        ("vim", "It is blocked."),
        ("openssl", "It failed: phase build ended with status 2"),
        ("zlib", "It is published in version"),
    ],
)
def test_a_build_says_why_it_is_not_building(fetch: Fetch, farm: Farm, name: str, sentence: str) -> None:
    assert sentence in fetch(farm.tasks[name].get_absolute_url())


def test_a_failed_build_shows_kind_excerpt_and_the_end_of_its_log_escaped(fetch: Fetch, farm: Farm) -> None:
    html = fetch(farm.tasks["openssl"].get_absolute_url())
    assert "<h2>A phase failed</h2>" in html
    assert "error: implicit declaration" in html
    html = fetch(farm.tasks["zlib"].get_absolute_url())
    assert "found &lt;b&gt;pkgconfig(zlib)&lt;/b&gt; &amp; soname" in html
    assert "\x1b" not in html


def test_only_an_open_build_asks_again(fetch: Fetch, farm: Farm) -> None:
    assert 'hx-trigger="every 3s"' in fetch(farm.tasks["glib"].get_absolute_url(), fragment=True)
    assert "hx-trigger" not in fetch(farm.tasks["zlib"].get_absolute_url(), fragment=True)


def test_the_log_is_followed_on_the_live_origin(fetch: Fetch, farm: Farm) -> None:
    html = fetch(farm.tasks["glib"].get_absolute_url())
    attempt = farm.tasks["glib"].attempts.get().attempt
    assert f'data-stream="http://127.0.0.1:8001/attempts/{attempt}/log/stream"' in html
    assert f'href="/attempts/{attempt}/log">Raw</a>' in html


def test_an_attempt_leads_to_its_build(client: Client, farm: Farm) -> None:
    attempt = farm.tasks["glib"].attempts.get().attempt
    response = client.get(f"/attempts/{attempt}/")
    assert response["Location"] == f"{farm.tasks['glib'].get_absolute_url()}?attempt=1"


def test_the_queue_draws_while_it_is_small(fetch: Fetch, farm: Farm) -> None:
    assert '<svg class="graph"' in fetch("/queue/")
    more_tasks(farm, 220)
    html = fetch("/queue/")
    assert '<svg class="graph"' not in html
    assert "too many to draw" in html


@pytest.mark.parametrize(
    "uri", ["/builds/?page=x", "/builds/?page=-3&status=odd", "/queue/?page=999", "/~/serpent-os/main?sort=x&state=y"]
)
def test_odd_questions_are_answered_with_what_there_is(fetch: Fetch, farm: Farm, uri: str) -> None:
    assert "<h1>" in fetch(uri)


# What pages cost, once the queue is foreseen; what that costs is in `test_outlook.py`


@pytest.fixture
def foreseen(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    assert farm.tasks
    monkeypatch.setattr(outlook, "KEPT_FOR", 1e6)
    outlook.latest(at=timezone.now())


@pytest.mark.usefixtures("foreseen")
@pytest.mark.parametrize(
    ("uri", "most"),
    [
        ("/", 18),
        ("/builds/", 4),
        ("/queue/", 8),
        ("/collections/", 4),
        ("/~/serpent-os/main", 10),
        ("/~/serpent-os/main/curl", 20),
        ("/~/serpent-os/main/zlib", 18),
    ],
)
def test_a_page_costs_the_same_with_many_rows(
    client: Client, farm: Farm, django_assert_max_num_queries: DjangoAssertNumQueries, uri: str, most: int
) -> None:
    publishing.forget()  # what other tests looked at
    with django_assert_max_num_queries(most) as few:
        client.get(uri)
    more_tasks(farm, 300)
    with django_assert_max_num_queries(max(len(few), 1) + 1):
        client.get(uri)


@pytest.mark.usefixtures("foreseen")
def test_a_build_page_costs_the_same_with_many_needs(
    client: Client, farm: Farm, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    more_tasks(farm, 50)
    task = farm.tasks["gtk-4"]
    others = BuildTask.objects.filter(source_name__startswith="x")
    TaskEdge.objects.bulk_create(TaskEdge(task=task, needs=other, capability="name") for other in others)
    with django_assert_max_num_queries(13):
        client.get(task.get_absolute_url())


# What people order


def push_right(farm: Farm, name: str) -> None:
    assign_perm("summit.push_build", farm.people[name], farm.repository)


@pytest.mark.parametrize(("verb", "name"), [("retry", "openssl"), ("cancel", "gtk-4"), ("expedite", "gtk-4")])
def test_an_order_needs_the_right_and_a_post(client: Client, farm: Farm, verb: str, name: str) -> None:
    uri = f"{farm.tasks[name].get_absolute_url()}{verb}/"
    assert client.get(uri).status_code in {302, 405}
    assert client.post(uri).status_code == 302  # to sign in
    client.force_login(farm.people["rex"])
    assert client.get(uri).status_code == 405
    assert client.post(uri).status_code == 403
    push_right(farm, "rex")
    assert client.post(uri)["Location"] == farm.tasks[name].get_absolute_url()


def test_a_retried_build_is_queued(client: Client, farm: Farm) -> None:
    push_right(farm, "rex")
    client.force_login(farm.people["rex"])
    client.post(f"{farm.tasks['openssl'].get_absolute_url()}retry/")
    farm.tasks["openssl"].refresh_from_db()
    assert farm.tasks["openssl"].status == TaskStatus.QUEUED


def test_an_order_that_comes_too_late_is_a_conflict(client: Client, farm: Farm) -> None:
    push_right(farm, "rex")
    client.force_login(farm.people["rex"])
    response = client.post(f"{farm.tasks['zlib'].get_absolute_url()}cancel/")
    assert response.status_code == 409
    assert b"It has moved on" in response.content


def test_buttons_are_shown_to_those_who_may(client: Client, farm: Farm) -> None:
    failed = farm.tasks["openssl"].get_absolute_url()
    assert b"Retry" not in client.get(failed).content
    push_right(farm, "rex")
    client.force_login(farm.people["rex"])
    assert b"Retry" in client.get(failed).content
    assert b"Build first" in client.get(farm.tasks["gtk-4"].get_absolute_url()).content


def test_a_refresh_is_asked_for_by_those_who_manage(client: Client, farm: Farm) -> None:
    uri = "/~/serpent-os/main/-/refresh"
    client.force_login(farm.people["rex"])
    assert client.post(uri).status_code == 403
    assign_perm("summit.manage", farm.people["rex"], farm.repository)
    before = farm.repository.refresh_requested_at
    assert client.post(uri)["Location"] == "/~/serpent-os/main"
    farm.repository.refresh_from_db()
    assert farm.repository.refresh_requested_at != before


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_a_second_person_decides(client: Client, farm: Farm, verdict: str) -> None:
    submission = farm.submission
    type(submission).objects.filter(pk=submission.pk).update(status=SubmissionStatus.IN_REVIEW)
    uri = f"{submission.get_absolute_url()}review/"
    client.force_login(farm.people["petra"])  # the author
    assert client.post(uri, {"verdict": verdict}).status_code == 403
    client.force_login(farm.people["rex"])
    assert b"Approve" in client.get(submission.get_absolute_url()).content
    assert client.post(uri, {"verdict": "perhaps"}).status_code == 400
    assert client.post(uri, {"verdict": verdict, "comment": "<b>fine</b>"}).status_code == 302
    assert b"&lt;b&gt;fine" in client.get(submission.get_absolute_url()).content
    submission.refresh_from_db()
    assert submission.status != SubmissionStatus.IN_REVIEW


def test_times_are_shown_relative_with_the_exact_one_on_hover(fetch: Fetch, farm: Farm) -> None:
    exact = f"{farm.at - timedelta(minutes=110):%Y-%m-%d %H:%M:%S} UTC"
    assert exact in fetch(farm.tasks["zlib"].get_absolute_url())


def test_what_was_published_tells_who_needs_a_recipe_without_a_manifest(fetch: Fetch, farm: Farm) -> None:
    recipe = farm.recipes["ccache"]
    recipe.providers.exclude(kind=0).delete()  # the names stay
    Recipe.objects.filter(pk=recipe.pk).update(manifests=[])
    user = farm.recipes["vim"]
    user.dependencies.create(usage="build", kind=6, target="ccache")  # binary(ccache), which only the stone provides
    html = fetch("/~/serpent-os/main/ccache")
    assert 'href="/~/serpent-os/main/vim"' in html[html.index("Needed by") :]
    assert "provided by the published ccache" in fetch("/~/serpent-os/main/vim")
