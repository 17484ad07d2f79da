"""What a builder machine serves, and to whom."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings

from avalanche.agent import artefacts, identity
from avalanche.agent.identity import Identity
from serpent_infra.wire import tokens
from tests.factories.avalanche import make_key

ATTEMPT = UUID(int=1)
NAME = "nano-8.6-1-1-x86_64.stone"
CONTENT = b"0123456789"


@pytest.fixture(autouse=True)
def directory(settings: Settings, tmp_path: Path) -> Path:
    """A builder called kiln that keeps one artefact."""
    settings.ROOT_URLCONF = "avalanche.agent.urls"
    settings.MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
    settings.SERPENT_BUILDER_DIR = tmp_path
    kept = artefacts.directory_of(tmp_path, ATTEMPT)
    kept.mkdir(parents=True)
    (kept / NAME).write_bytes(CONTENT)
    joined = Identity(
        builder="kiln",
        hub_uri="http://hub.example",
        hub_public_key=tokens.public_text(make_key("hub")),
        broker_uri="redis://builder-kiln:secret@hub.example/0",
        broker_prefix="kiln.",
    )
    identity.save(joined, tmp_path)
    return tmp_path


def get(name: str = NAME, *, token: str | None = None, **headers: str) -> tuple[Any, bytes]:
    shown = tokens.sign(make_key("hub"), issuer=tokens.HUB, audience="kiln") if token is None else token
    response: Any = Client().get(
        f"/artefacts/{ATTEMPT}/{name}", headers={"authorization": f"Bearer {shown}", **headers}
    )
    content = response.getvalue() if response.streaming else response.content
    return response, content


def test_the_hub_gets_an_artefact_whole_and_in_parts() -> None:
    response, content = get()
    assert (response.status_code, content, response["Content-Length"]) == (200, CONTENT, "10")
    response, content = get(range="bytes=7-")
    assert (response.status_code, content, response["Content-Range"]) == (206, b"789", "bytes 7-9/10")
    assert get(range="bytes=10-")[0].status_code == 416


@pytest.mark.parametrize(
    ("signer", "issuer", "audience"),
    [("thief", "hub", "kiln"), ("hub", "kiln", "kiln"), ("hub", "hub", "oven"), ("kiln", "kiln", "hub")],
)
def test_a_token_that_is_not_the_hubs_for_this_builder_is_401(signer: str, issuer: str, audience: str) -> None:
    response, _ = get(token=tokens.sign(make_key(signer), issuer=issuer, audience=audience))
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "[" * 5000])
def test_a_malformed_token_is_401(token: str) -> None:
    assert get(token=token)[0].status_code == 401


def test_no_token_is_401() -> None:
    assert Client().get(f"/artefacts/{ATTEMPT}/{NAME}").status_code == 401


@pytest.mark.parametrize(
    "name", ["other.stone", "..%2fidentity.json", "%2e%2e", ".hidden", "%2fetc%2fpasswd", "link", "dir"]
)
def test_what_is_no_artefact_is_404(directory: Path, name: str) -> None:
    kept = artefacts.directory_of(directory, ATTEMPT)
    (kept / ".hidden").write_bytes(b"x")
    (kept / "link").symlink_to(directory / identity.IDENTITY_FILE)
    (kept / "dir").mkdir()
    response, content = get(name)
    assert response.status_code == 404
    assert b"secret" not in content


def test_a_dropped_artefact_is_404(directory: Path) -> None:
    assert artefacts.kept(directory) == [ATTEMPT]
    artefacts.drop(directory, ATTEMPT)
    artefacts.drop(directory, ATTEMPT)
    assert artefacts.kept(directory) == []
    assert get()[0].status_code == 404


def test_a_machine_that_has_not_joined_serves_nothing(directory: Path) -> None:
    (directory / identity.IDENTITY_FILE).unlink()
    assert get()[0].status_code == 503
    assert b"Has not joined a hub yet" in Client().get("/").content


def test_the_owners_page_says_whom_the_machine_works_for_and_no_secret() -> None:
    page = Client().get("/").content.decode()
    assert "Builder kiln" in page
    assert "http://hub.example" in page
    assert "secret" not in page


def test_its_health_is_told() -> None:
    assert Client().get("/health").json() == {"status": "ok"}
