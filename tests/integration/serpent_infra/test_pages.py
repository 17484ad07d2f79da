"""Every page renders for visitors and administrators, completely and without a word that its view does not give."""

import re

import pytest
from django.test import Client

from tests.scenarios.farm import Farm
from tests.scenarios.pages import pages

# allauth's own templates, dressed by us, lean on Django's silence about unknown variables.
LENIENT = {
    "visitor-sign-in",
    "visitor-sign-up",
    "visitor-reset",
    "sign-out",
    "password",
    "addresses",
    "second-factor",
}
ONLY_SIGNED_IN = {
    *("campaign-new", "submission-impact", "repository-webhook"),
    *("profile", "sign-out", "password", "addresses", "second-factor"),
}


def check(html: str) -> None:
    assert re.search(r"<title>\s*[^<\s][^<]* · Serpent</title>", html)
    assert html.count("<h1") == 1
    assert 'lang="en-GB"' in html
    assert "None</" not in html
    # Nothing inline: the pages work under a content security policy without exceptions.
    assert not re.search(r"<script(?![^>]*\b(src|type=\"application/json\"))", html)
    assert not re.search(r"\sstyle=|\son[a-z]+=\"", html)
    # Every control has a name.
    assert not re.search(r"<button[^>]*>\s*</button>", html.replace("<svg", "x<svg"))


@pytest.mark.usefixtures("strict_templates")
def test_every_page_renders_for_the_administrator(client: Client, farm: Farm) -> None:
    client.force_login(farm.people["ada"])
    for name, uri in pages(farm).items():
        if name in LENIENT or name.startswith("visitor-"):
            continue
        response = client.get(uri)
        assert response.status_code == (404 if name == "not-found" else 200), name
        check(response.content.decode())


@pytest.mark.usefixtures("strict_templates")
def test_every_page_renders_for_visitors(client: Client, farm: Farm) -> None:
    for name, uri in pages(farm).items():
        if name in LENIENT or name in ONLY_SIGNED_IN:
            continue
        response = client.get(uri)
        assert response.status_code == (404 if name == "not-found" else 200), name
        check(response.content.decode())


def test_account_pages_wear_the_dress(client: Client, farm: Farm) -> None:
    for name, uri in pages(farm).items():
        if name.startswith("visitor-"):
            check(client.get(uri).content.decode())
    client.force_login(farm.people["petra"])
    for name in LENIENT - {"visitor-sign-in", "visitor-sign-up", "visitor-reset"}:
        response = client.get(pages(farm)[name], follow=True)
        assert response.status_code == 200, name
        check(response.content.decode())


def test_pages_for_people_ask_visitors_to_sign_in(client: Client, farm: Farm) -> None:
    response = client.get(pages(farm)["profile"])
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(("path", "status"), [("/no/such/page/", 404), ("/builds/999999/", 404), ("/profile/x/", 404)])
def test_what_is_not_there_is_said_in_the_same_dress(client: Client, farm: Farm, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    check(response.content.decode())


def test_a_failed_page_needs_neither_database_nor_session(client: Client) -> None:
    from django.test import RequestFactory  # noqa: PLC0415
    from django.views.defaults import server_error  # noqa: PLC0415 - the view that Django calls

    response = server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert b"Something broke on our side" in response.content


def test_a_form_without_its_token_is_refused_in_the_same_dress(farm: Farm) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(farm.people["ada"])
    response = client.post(f"/builds/{farm.tasks['openssl'].pk}/retry/")
    assert response.status_code == 403
    assert b"The form is too old" in response.content


def test_pages_allow_only_our_own_scripts(client: Client, farm: Farm) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self';" in policy
    assert "unsafe" not in policy
    assert "connect-src 'self' http://127.0.0.1:8001;" in policy
