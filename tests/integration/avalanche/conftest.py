"""Directories of a test's own, and a builder that speaks to the hub with its own key."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from avalanche.models import Builder
from serpent_infra.wire import tokens
from tests.factories.avalanche import make_key

PREFIX = "/api/agent/v1/"


class Speaker:
    """A builder as the hub hears it."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.client = Client()

    def token(self) -> str:
        return tokens.sign(make_key(self.builder.name), issuer=self.builder.name, audience=tokens.HUB)

    def send(self, method: str, path: str, body: bytes = b"", *, token: str | None = None) -> HttpResponse:
        response = self.client.generic(
            method,
            PREFIX + path,
            body,
            content_type="application/json",
            headers={"authorization": f"Bearer {self.token() if token is None else token}"},
        )
        assert isinstance(response, HttpResponse)
        return response

    def post(self, path: str, message: msgspec.Struct | None = None) -> HttpResponse:
        return self.send("POST", path, msgspec.json.encode(message) if message is not None else b"")


@pytest.fixture(autouse=True)
def _state(settings: Settings, tmp_path: Path) -> None:
    settings.SERPENT_LOGS_DIR = tmp_path / "logs"
    settings.SERPENT_SECRETS_DIR = tmp_path / "secrets"
    settings.SERPENT_BUILDER_DIR = tmp_path / "builder"


@pytest.fixture
def speak() -> Callable[[Builder], Speaker]:
    return Speaker
