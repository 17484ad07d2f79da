"""Users, and one's own profile with API tokens."""

import re

import pytest
from django.test import Client

from serpent_infra.accounts.models import ServiceToken, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def petra() -> User:
    return User.objects.create_user("petra", "petra@example.org", "long enough")


def test_addresses_are_nobodys_business(client: Client, petra: User) -> None:
    for uri in ("/users/", "/users/petra/"):
        html = client.get(uri).content.decode()
        assert "petra" in html
        assert "example.org" not in html


def test_who_has_left_is_not_listed(client: Client, petra: User) -> None:
    User.objects.filter(pk=petra.pk).update(is_active=False)
    assert b"petra" not in client.get("/users/").content
    assert client.get("/users/petra/").status_code == 404


def test_a_token_is_shown_once_and_works(client: Client, petra: User) -> None:
    client.force_login(petra)
    html = client.post("/profile/", {"name": "laptop", "days": "30", "may_write": "on"}).content.decode()
    found = re.search(r'id="secret">(srp_[\w-]+)<', html)
    assert found
    token = ServiceToken.objects.get(owner=petra)
    assert not token.is_read_only
    assert token.expires_at is not None
    assert found[1] not in client.get("/profile/").content.decode()
    assert "no-store" in client.get("/profile/")["Cache-Control"]


def test_a_token_reads_only_unless_asked_otherwise(client: Client, petra: User) -> None:
    client.force_login(petra)
    client.post("/profile/", {"name": "script", "days": ""})
    token = ServiceToken.objects.get(owner=petra)
    assert token.is_read_only
    assert token.expires_at is None


def test_two_tokens_of_one_name_are_refused(client: Client, petra: User) -> None:
    client.force_login(petra)
    client.post("/profile/", {"name": "laptop", "days": "30"})
    assert b"You have a token of this name" in client.post("/profile/", {"name": "laptop", "days": "30"}).content
    assert ServiceToken.objects.count() == 1


def test_nobody_revokes_anothers_token(client: Client, petra: User) -> None:
    token, _ = ServiceToken.issue(owner=petra, name="laptop", is_read_only=True, expires_at=None)
    rex = User.objects.create_user("rex", "rex@example.org", "long enough")
    client.force_login(rex)
    assert client.post(f"/profile/tokens/{token.pk}/revoke/").status_code == 404
    client.force_login(petra)
    assert client.get(f"/profile/tokens/{token.pk}/revoke/").status_code == 405
    assert client.post(f"/profile/tokens/{token.pk}/revoke/").status_code == 302
    assert not ServiceToken.objects.exists()


def test_signing_in_and_out(client: Client, petra: User) -> None:
    response = client.post(
        "/accounts/login/?next=/profile/", {"login": "petra", "password": "long enough", "next": "/profile/"}
    )
    assert response["Location"] == "/profile/"
    assert b"petra" in client.get("/").content
    client.post("/accounts/logout/")
    assert client.get("/profile/").status_code == 302


def test_strangers_cannot_open_an_account(client: Client) -> None:
    assert "Accounts are by invitation" in client.get("/accounts/signup/").content.decode()
    data = {"username": "x", "email": "x@example.org", "password1": "long enough 1", "password2": "long enough 1"}
    client.post("/accounts/signup/", data)
    assert not User.objects.filter(username="x").exists()
