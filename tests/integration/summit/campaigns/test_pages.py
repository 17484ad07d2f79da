"""The pages of campaigns: what they say, what they cost, who may order what on them, without any script."""

from urllib.parse import urlencode

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries

from summit.campaigns import advance
from summit.models import BuildTask, Campaign, Profile, Recipe, Repository
from summit.states import CampaignStatus, TaskStatus
from tests.integration import pages
from tests.scenarios.campaigns import make_campaigns
from tests.scenarios.farm import Farm
from tests.scenarios.pages import preview_of

farm, strict_templates = pages.farm, pages.strict_templates
pytestmark = pytest.mark.usefixtures("strict_templates")

REASON = "<b>because</b>"


@pytest.fixture
def campaigns(farm: Farm) -> dict[str, Campaign]:
    return make_campaigns(farm.at)


@pytest.fixture
def petra(client: Client, farm: Farm) -> Client:
    client.force_login(farm.people["petra"])
    return client


def read(client: Client, uri: str, *, fragment: bool = False) -> str:
    response = client.get(uri, headers={"hx-request": "true"} if fragment else {})
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def ask(**changes: object) -> dict[str, object]:
    profile = Profile.objects.get(project__slug="desktop")
    return {"profile": profile.pk, "kind": "reach", "argument": "libpng", "title": "", "why": REASON} | changes


def test_an_empty_list_says_what_a_campaign_is(client: Client, farm: Farm) -> None:
    html = read(client, "/campaigns/")
    assert "No campaign yet" in html
    assert 'href="/campaigns/new/"' in html


def test_the_list_says_how_far_each_is(client: Client, campaigns: dict[str, Campaign]) -> None:
    html = read(client, "/campaigns/")
    for campaign in campaigns.values():
        assert f'href="/campaigns/{campaign.pk}/"' in html
    assert "3 of 9" in html
    assert "0 of 10" in html


def test_the_impact_is_shown_before_the_click(petra: Client, campaigns: dict[str, Campaign]) -> None:
    html = read(petra, f"/campaigns/new/?{preview_of(campaigns['running'])}")
    assert "Start the rebuild of 9" in html
    assert "<dt>In a cycle</dt> <dd> 4 </dd>" in html
    assert "The largest cycle has 4 recipes" in html
    assert "Failed last time" in html
    assert "inkscape" in html
    assert "by campaign" in html, "who builds them already"
    count = (Campaign.objects.count(), BuildTask.objects.count())
    read(petra, f"/campaigns/new/?{preview_of(campaigns['running'])}")
    assert (Campaign.objects.count(), BuildTask.objects.count()) == count, "looking changes nothing"


def test_what_means_nothing_is_said_where_one_looks(petra: Client, campaigns: dict[str, Campaign]) -> None:
    html = read(petra, f"/campaigns/new/?{urlencode(ask(argument='<script>'))}")
    assert "No recipe that could be built is named &lt;script&gt;." in html
    assert "Start the rebuild" not in html
    assert read(petra, "/campaigns/new/?kind=nonsense")
    for uri in ("/campaigns/0/", "/campaigns/999999/"):
        assert petra.get(uri).status_code == 404
    for then in ("look", "draft", "start"):
        assert petra.post("/campaigns/create/", ask(argument="<script>", then=then)).status_code == 400
    assert petra.post("/campaigns/create/", ask(kind="nonsense")).status_code == 400
    assert Campaign.objects.count() == len(campaigns)


def test_a_list_too_long_for_an_address_is_looked_at(petra: Client, campaigns: dict[str, Campaign]) -> None:
    assert campaigns
    names = " ".join(["libpng", "foot"] * 2000)
    response = petra.post("/campaigns/create/", ask(kind="list", argument=names))
    assert response.status_code == 200
    assert b"Start the rebuild of 2" in response.content
    assert Campaign.objects.count() == len(campaigns)


def test_a_person_with_the_right_starts_one(petra: Client, campaigns: dict[str, Campaign]) -> None:
    response = petra.post("/campaigns/create/", ask(then="start"))
    made = Campaign.objects.latest("pk")
    assert response["Location"] == made.get_absolute_url()
    assert made.pk not in {campaign.pk for campaign in campaigns.values()}
    assert made.status == CampaignStatus.STARTING
    assert "It is starting" in read(petra, made.get_absolute_url())
    advance.advance(made, at=made.created_at)
    html = read(petra, made.get_absolute_url())
    assert "9 of its builds still go on." in html
    assert "&lt;b&gt;because" in html


def test_a_draft_shows_what_it_would_do_and_is_started_later(petra: Client, campaigns: dict[str, Campaign]) -> None:
    petra.post("/campaigns/create/", ask(then="draft"))
    made = Campaign.objects.latest("pk")
    assert made.status == CampaignStatus.DRAFT
    assert "Start it: rebuild 9" in read(petra, made.get_absolute_url())
    petra.post(f"{made.get_absolute_url()}start/")
    made.refresh_from_db()
    assert made.status == CampaignStatus.STARTING
    assert campaigns["draft"].status == CampaignStatus.DRAFT


def test_without_the_right_nothing_can_be_ordered(client: Client, farm: Farm, campaigns: dict[str, Campaign]) -> None:
    assert client.get("/campaigns/new/").status_code == 302, "to sign in: looking costs the hub something"
    assert "Sign in to see" in read(client, campaigns["draft"].get_absolute_url())
    eve = type(farm.people["rex"]).objects.create_user("eve", "eve@example.org", "long enough")
    client.force_login(eve)
    assert "Start the rebuild" not in read(client, f"/campaigns/new/?{urlencode(ask())}")
    assert "takes the right to push" in read(client, f"/campaigns/new/?{urlencode(ask())}")
    assert client.post("/campaigns/create/", ask(then="start")).status_code == 403
    for name, verb in (("draft", "start"), ("ready", "publish"), ("ready", "retry"), ("running", "abandon")):
        uri = f"{campaigns[name].get_absolute_url()}{verb}/"
        assert client.get(uri).status_code == 405
        assert client.post(uri).status_code == 403
    html = read(client, campaigns["ready"].get_absolute_url())
    assert "<form" not in html[html.index('id="campaign"') :]
    assert campaigns["ready"].events.count() == 4


def test_publishing_without_what_failed_names_the_number(petra: Client, campaigns: dict[str, Campaign]) -> None:
    ready = campaigns["ready"]
    html = read(petra, ready.get_absolute_url())
    assert "1 build has no result" in html
    assert "Publish without 1" in html
    uri = f"{ready.get_absolute_url()}publish/"
    for without in ("", "0", "2", "many"):
        response = petra.post(uri, {"without": without})
        assert response.status_code == 409
        assert b"1 of its 4 builds have no result" in response.content
    assert petra.post(uri, {"without": "1", "reason": REASON})["Location"] == ready.get_absolute_url()
    ready.refresh_from_db()
    assert ready.status == CampaignStatus.PUBLISHING
    advance.advance(ready, at=ready.updated_at)
    assert "All of it is published in version" in read(petra, ready.get_absolute_url())
    assert petra.post(uri, {"without": "1"}).status_code == 409


def test_what_failed_is_ordered_once_more(petra: Client, campaigns: dict[str, Campaign]) -> None:
    ready = campaigns["ready"]
    assert petra.post(f"{ready.get_absolute_url()}retry/").status_code == 302
    assert ready.tasks.get(source_name="inkscape").status == TaskStatus.QUEUED
    assert "1 of its builds still goes on." in read(petra, ready.get_absolute_url())


def test_abandoning_ends_it(petra: Client, campaigns: dict[str, Campaign]) -> None:
    running = campaigns["running"]
    assert petra.post(f"{running.get_absolute_url()}abandon/", {"reason": REASON}).status_code == 302
    html = read(petra, running.get_absolute_url(), fragment=True)
    assert "Nothing of it is published." in html
    assert "&lt;b&gt;because" in html
    assert "hx-trigger" not in html
    assert petra.post(f"{running.get_absolute_url()}abandon/").status_code == 409


def test_builds_are_filtered_by_state(client: Client, campaigns: dict[str, Campaign]) -> None:
    uri = campaigns["ready"].get_absolute_url()
    html = read(client, f"{uri}?state=failed")
    assert "inkscape" in html
    assert "gimp" not in html
    assert "gimp" in read(client, f"{uri}?state=nonsense")
    assert "No build is in this state" in read(client, f"{uri}?state=queued")


def test_only_one_that_is_not_over_asks_again(client: Client, campaigns: dict[str, Campaign]) -> None:
    for name, is_asking in (("running", True), ("ready", True), ("published", False), ("abandoned", False)):
        html = read(client, campaigns[name].get_absolute_url(), fragment=True)
        assert "<html" not in html
        assert ('hx-trigger="every 5s"' in html) is is_asking


def test_what_concerns_a_private_repository_is_not_there_for_strangers(
    client: Client, farm: Farm, campaigns: dict[str, Campaign]
) -> None:
    Repository.objects.filter(project__slug="desktop").update(is_private=True)
    for campaign in campaigns.values():
        assert client.get(campaign.get_absolute_url()).status_code == 404
    assert "No campaign yet" in read(client, "/campaigns/")
    client.force_login(farm.people["petra"])
    assert client.get(campaigns["running"].get_absolute_url()).status_code == 200


@pytest.mark.parametrize(("name", "most"), [("", 6), ("running", 22), ("draft", 32), ("published", 22)])
def test_a_page_costs_the_same_with_many_rows(
    petra: Client,
    campaigns: dict[str, Campaign],
    django_assert_max_num_queries: DjangoAssertNumQueries,
    name: str,
    most: int,
) -> None:
    uri = campaigns[name].get_absolute_url() if name else "/campaigns/"
    with django_assert_max_num_queries(most) as few:
        petra.get(uri)
    count = len(few)
    more(campaigns["running"])
    petra.get(uri)  # what all recipes provide and need is read anew
    with django_assert_max_num_queries(count + 1):
        petra.get(uri)


def more(campaign: Campaign) -> None:
    """Adds builds to a campaign, and campaigns to the list."""
    repository = campaign.repositories.get()
    recipes = Recipe.objects.bulk_create(
        Recipe(repository=repository, path=f"x/x{n}/stone.yaml", name=f"x{n}", release=1, version="1")
        for n in range(150)
    )
    submission = campaign.tasks.all()[0].submission
    BuildTask.objects.bulk_create(
        BuildTask.wish(
            recipe=recipe,
            profile=campaign.profile,
            submission=submission,
            campaign=campaign,
            reason="",
            build_release=2,
            estimate=60.0,
            at=campaign.created_at,
        )
        for recipe in recipes
    )
    for number in range(60):
        Campaign.draft(
            profile=campaign.profile,
            kind=campaign.kind,  # type: ignore[arg-type] # the text of one
            argument="libpng",
            title=f"more {number}",
            why="",
            repositories=[repository],
            by=campaign.created_by,  # type: ignore[arg-type] # the scenario's
            at=campaign.created_at,
        )


# One recipe


def test_a_recipe_is_rebuilt_by_those_who_may(client: Client, farm: Farm, campaigns: dict[str, Campaign]) -> None:
    recipe = Recipe.objects.get(name="foot")
    uri, profile = f"/recipes/{recipe.pk}/rebuild/", campaigns["draft"].profile
    assert client.get(uri).status_code == 302
    assert client.post(uri, {"profile": profile.pk}).status_code == 302  # to sign in
    eve = type(farm.people["rex"]).objects.create_user("eve", "eve@example.org", "long enough")
    client.force_login(eve)
    assert client.post(uri, {"profile": profile.pk}).status_code == 403
    assign_perm("summit.submit_build", eve, recipe.repository)
    Repository.objects.filter(pk=recipe.repository_id).update(needs_review=True)
    for strange in ("", "x", farm.profile.pk):
        assert client.post(uri, {"profile": strange}).status_code == 400
    response = client.post(uri, {"profile": profile.pk, "reason": REASON})
    task = BuildTask.objects.latest("pk")
    assert response["Location"] == task.get_absolute_url()
    assert (task.status, task.build_release) == (TaskStatus.IN_REVIEW, 5), "after three campaigns"
    assert "&lt;b&gt;because" in read(client, task.get_absolute_url())
    response = client.post(uri, {"profile": profile.pk})
    assert response.status_code == 409
    assert b"is open already" in response.content
    Recipe.objects.filter(pk=recipe.pk).update(release=9)
    task.supersede(by=None, at=farm.at, sentence="gone")
    response = client.post(uri, {"profile": profile.pk})
    assert response.status_code == 409
    assert b"only what is published is built again" in response.content


def test_a_recipe_has_the_buttons_of_those_who_may(client: Client, farm: Farm, campaigns: dict[str, Campaign]) -> None:
    uri = "/~/desktop/recipes/libpng"
    assert campaigns
    assert "Rebuild" not in read(client, uri)
    eve = type(farm.people["rex"]).objects.create_user("eve", "eve@example.org", "long enough")
    client.force_login(eve)
    html = read(client, uri)
    assert "Rebuild what depends on it" in html
    assert "Rebuild 1.6.44-4" not in html
    client.force_login(farm.people["petra"])
    html = read(client, uri)
    assert "Rebuild 1.6.44-4" in html
    profile = Profile.objects.get(project__slug="desktop")
    link = f"/campaigns/new/?profile={profile.pk}&amp;kind=reach&amp;argument=libpng"
    assert f'href="{link}"' in html
    assert "Start the rebuild of 9" in read(client, link.replace("&amp;", "&"))
    Profile.objects.create(project=profile.project, name="x86-64-v3", channel="desktop", stream="v3")
    assert "<select" in read(client, uri)
