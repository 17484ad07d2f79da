"""The OpenAPI schema: complete without a warning, and true of every address without parameters."""

import io

import pytest
import yaml
from django.core.management import call_command
from django.test import Client


@pytest.fixture(scope="module")
def schema() -> dict[str, dict[str, dict[str, object]]]:
    output = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=output)
    loaded: dict[str, dict[str, dict[str, object]]] = yaml.safe_load(output.getvalue())
    return loaded


def test_the_schema_covers_what_the_site_is_for(schema: dict[str, dict[str, dict[str, object]]]) -> None:
    nouns = {path.removeprefix("/api/v1/").partition("/")[0] for path in schema["paths"]}
    assert nouns >= {"projects", "repositories", "recipes", "builds", "builders", "channels", "campaigns"}


def test_the_schema_says_how_scripts_sign_in(schema: dict[str, dict[str, dict[str, object]]]) -> None:
    assert schema["components"]["securitySchemes"]["serviceToken"] == {"type": "http", "scheme": "bearer"}


def _asks(method: object) -> bool:
    """Says whether an address needs to be told something."""
    parameters = method.get("parameters", []) if isinstance(method, dict) else []
    return any(parameter.get("required") for parameter in parameters)


@pytest.mark.django_db
def test_every_plain_address_answers_visitors(schema: dict[str, dict[str, dict[str, object]]], client: Client) -> None:
    addresses = [
        path
        for path, methods in schema["paths"].items()
        if "{" not in path and "get" in methods and not _asks(methods["get"])
    ]
    assert "/api/v1/campaigns/preview/" not in addresses, "it asks which recipes"
    assert {path: client.get(path).status_code for path in addresses} == dict.fromkeys(addresses, 200)


@pytest.mark.django_db
def test_an_address_that_is_not_there_is_a_problem_with_a_code(client: Client) -> None:
    answer = client.get("/api/v1/projects/nothing/")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
