"""What pages and the API tell of builds that are made twice."""

import pytest
from django.test import Client

from serpent_infra.accounts.models import User
from summit import dispatch
from summit.models import Profile
from tests.factories.summit import AT
from tests.fakes.doors import FakeFleet, FakeRepository
from tests.integration.summit.verification.builds import build_first, builders, report, task_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def page(client: Client, path: str) -> str:
    answer = client.get(path, headers={"hx-request": "true"})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def told(client: Client) -> dict[str, object]:
    found = client.get(f"/api/v1/builds/{task_of().pk}/").json()["verification"]
    assert found is None or isinstance(found, dict)
    return found or {}


@pytest.mark.usefixtures("verifying")
def test_the_page_of_a_build_and_the_api_follow_its_second_build(
    client: Client, fleet: FakeFleet, vessel: FakeRepository, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    address = task_of().get_absolute_url()
    assert "Second build" not in page(client, address)
    assert told(client) == {}

    build_first(fleet)
    shown = page(client, address)
    assert "for a builder of another owner, until" in shown
    assert "built first by b1 of ada" in shown
    assert "built once, to be built a second time" in page(client, "/queue/")
    assert "waits for another owner" in page(client, "/")
    found = told(client)
    assert (found["finding"], found["built_by"], found["second_builder"], found["verified_by"]) == (
        "",
        "b1",
        None,
        None,
    )

    dispatch.dispatch(at=AT)
    assert "Under way</span> by b2 of bea" in page(client, address)
    assert "waits for another owner" not in page(client, "/")
    second = report(fleet)
    shown = page(client, address)
    assert "Same, bit for bit</span> by b2 of bea" in shown
    assert "second build</span>" in shown
    assert "<dt>Import</dt>" in shown, "the import of the first attempt is shown beside the second"
    found = told(client)
    assert (found["finding"], found["built_for"], found["second_for"], found["verified_by"]) == (
        *("same", "ada", "bea", "b2"),
    )
    tries = client.get(f"/api/v1/builds/{task_of().pk}/").json()["attempts"]
    assert [(one["number"], one["is_second"]) for one in tries] == [(2, True), (1, False)]
    assert second.number == 2
    assert len(vessel.imports) == 1


@pytest.mark.usefixtures("verifying")
def test_a_difference_is_shown_with_the_files(client: Client, fleet: FakeFleet, owners: tuple[User, User]) -> None:
    builders(fleet, owners)
    build_first(fleet)
    dispatch.dispatch(at=AT)
    report(fleet, sha256="1" * 64)
    shown = page(client, task_of().get_absolute_url())
    assert "Not the same</span> by b2 of bea" in shown
    assert "b2 of bea did not build the same as b1 of ada: package.stone differs" in shown
    assert "Not reproducible" in page(client, "/")
    assert told(client)["verified_by"] is None


def test_a_project_says_which_profiles_build_twice(client: Client, verifying: Profile) -> None:
    assert "built twice, by two owners" in client.get("/~/main").content.decode()
    assert client.get("/api/v1/projects/main/").json()["profiles"][0]["verification"] == verifying.verification
