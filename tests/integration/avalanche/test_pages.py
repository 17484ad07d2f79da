"""The pages of builders: what they say, what they cost, who may order."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from avalanche.models import Builder
from tests.factories import avalanche as machines
from tests.integration import pages
from tests.scenarios.farm import Farm

farm, strict_templates = pages.farm, pages.strict_templates
pytestmark = pytest.mark.usefixtures("strict_templates")


def text(client: Client, uri: str, *, fragment: bool = False) -> str:
    response = client.get(uri, headers={"hx-request": "true"} if fragment else {})
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_tells_the_well_from_the_unwell(client: Client, farm: Farm) -> None:
    html = text(client, "/builders/")
    for words in ("2 of 2 busy", "Silent for", "Draining", "Not joined", "full in"):
        assert words in html
    assert "glib 2.82.4-6" in html
    assert "<html" not in text(client, "/builders/", fragment=True)


def test_a_builder_shows_its_charts(client: Client, farm: Farm) -> None:
    html = text(client, "/builders/anvil/")
    assert html.count("<polyline") == 8 + 2
    assert 'class="donut"' in html
    assert "CPU 7" in html
    assert "Example 4000" in html
    part = text(client, "/builders/anvil/", fragment=True)
    assert part.count("<polyline") == 10
    assert "Example 4000" not in part


def test_a_builder_without_measurements_says_so(client: Client, farm: Farm) -> None:
    html = text(client, "/builders/newcomer/")
    assert "Too few measurements yet" in html
    assert "It has not joined yet" in html
    assert "manage.py enrol" in html


def test_a_machine_of_many_processors_gets_few_lines(client: Client, farm: Farm) -> None:
    builder = machines.make_builder("colossus", at=timezone.now(), is_well=False)
    now = timezone.now()
    for seconds in (60, 30, 0):
        sample = machines.make_sample(cpu_percent=(50.0,) * 128)
        builder.samples.model.objects.record(builder=builder, sample=sample, at=now - timedelta(seconds=seconds))
    html = text(client, "/builders/colossus/")
    assert html.count("<polyline") == 16 + 2
    assert "CPUs 0–7" in html


def test_failures_are_counted_by_kind(client: Client, farm: Farm) -> None:
    html = text(client, "/builders/kiln/")
    assert "25.0 % did not succeed" in html
    assert "Failures by kind" in html


def test_an_attempt_links_to_its_build(client: Client, farm: Farm) -> None:
    attempt = farm.tasks["glib"].attempts.get().attempt
    assert f'href="/attempts/{attempt}/"' in text(client, "/builders/anvil/")


@pytest.mark.parametrize(("uri", "most"), [("/builders/", 10), ("/builders/anvil/", 16)])
def test_a_page_costs_the_same_with_many_rows(
    client: Client, farm: Farm, django_assert_max_num_queries: DjangoAssertNumQueries, uri: str, most: int
) -> None:
    with django_assert_max_num_queries(most) as few:
        client.get(uri)
    for number in range(20):
        machines.make_builder(f"extra-{number}", at=farm.at)
    with django_assert_max_num_queries(len(few)):
        client.get(uri)


@pytest.mark.parametrize(("verb", "is_draining"), [("drain", True), ("resume", False)])
def test_draining_needs_the_right_and_a_post(client: Client, farm: Farm, verb: str, is_draining: bool) -> None:  # noqa: FBT001 - a table
    name = "anvil" if is_draining else "spark"
    uri = f"/builders/{name}/{verb}/"
    assert client.post(uri)["Location"].startswith("/accounts/login/")
    client.force_login(farm.people["rex"])
    assert client.get(uri).status_code in {403, 405}
    assert client.post(uri).status_code == 403
    farm.people["rex"].user_permissions.add(Permission.objects.get(codename="change_builder"))
    client.force_login(type(farm.people["rex"]).objects.get(username="rex"))
    assert client.post(uri)["Location"] == f"/builders/{name}/"
    assert Builder.objects.get(name=name).is_draining is is_draining


def test_an_unknown_builder_is_not_there(client: Client, farm: Farm) -> None:
    assert client.get("/builders/nobody/").status_code == 404
