"""Finding: as one types, on a page, and only what the person may see."""

import pytest
from django.test import Client

from tests.scenarios.farm import Farm

pytestmark = pytest.mark.usefixtures("strict_templates")


def test_every_sort_of_thing_is_found(client: Client, farm: Farm) -> None:
    html = client.get("/search/", {"q": "zlib"}).content.decode()
    for heading in ("Recipes", "Builds", "Packages"):
        assert f"<h2>{heading}</h2>" in html
    assert "<h2>Builders</h2>" in client.get("/search/", {"q": "anv"}).content.decode()


def test_a_build_is_found_by_its_number(client: Client, farm: Farm) -> None:
    task = farm.tasks["glib"]
    assert task.get_absolute_url() in client.get("/search/", {"q": f"#{task.pk}"}).content.decode()
    assert client.get("/search/", {"q": "9" * 40}).status_code == 200


def test_the_list_under_the_field_is_a_fragment(client: Client, farm: Farm) -> None:
    response = client.get("/search/", {"q": "zlib"}, headers={"hx-request": "true"})
    html = response.content.decode()
    assert "<html" not in html
    assert "<h2>Recipes</h2>" in html
    assert "HX-Request" in response["Vary"]


def test_the_exact_name_comes_first(client: Client, farm: Farm) -> None:
    html = client.get("/search/", {"q": "curl"}).content.decode()
    assert html.index("/~/serpent-os/main/curl") < html.index("<h2>Builds</h2>")


def test_what_is_private_is_not_found(client: Client, farm: Farm) -> None:
    assert "secret" not in client.get("/search/", {"q": "secre"}).content.decode().replace("“secre”", "")


@pytest.mark.parametrize("query", ["", "   ", "<script>alert(1)</script>", "%", "'" * 300])
def test_odd_questions_find_nothing_and_break_nothing(client: Client, farm: Farm, query: str) -> None:
    response = client.get("/search/", {"q": query})
    assert response.status_code == 200
    assert b"<script>alert" not in response.content
