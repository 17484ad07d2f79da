"""The read API of builders and attempts, and the admin's pages of them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from avalanche import reporting
from avalanche.models import Builder, EnrolmentCode, HostSample
from avalanche.states import AttemptState
from tests.factories.avalanche import make_attempt, make_builder, make_report, make_sample

pytestmark = pytest.mark.django_db

SECRETS = ("public_key", "broker", "password", "code", "lease", "epoch", "address")


def get(path: str) -> Any:
    response = Client().get(f"/api/v1/{path}")
    assert response.status_code == 200
    return json.loads(response.content)


def test_builders_are_listed_with_how_they_are() -> None:
    make_attempt(AttemptState.RUNNING, slot=make_builder("kiln", at=timezone.now()).slots.order_by("index")[0])
    make_builder("oven", at=timezone.now() - timedelta(hours=3))
    kiln, oven = get("builders/")["results"]
    assert (kiln["name"], kiln["is_online"], kiln["slots_total"], kiln["slots_busy"]) == ("kiln", True, 2, 1)
    assert kiln["latest_sample"]["cpu_percent"] == [10.0, 20.0]
    assert (oven["is_online"], oven["problems"]) == (False, ["Silent for 3 hours."])


def test_the_list_takes_a_fixed_number_of_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for name in ("a", "b", "c"):
        make_builder(name)
    with django_assert_num_queries(3):
        assert get("builders/")["count"] == 3


def test_a_builder_is_told_with_its_slots() -> None:
    builder = make_builder("kiln", slots=3, at=timezone.now())
    builder.slots.filter(index=2).update(is_retired=True)
    assert [slot["index"] for slot in get("builders/kiln/")["slots"]] == [0, 1]


def test_a_builder_that_never_measured_has_no_sample() -> None:
    make_builder("kiln", is_well=False)
    assert get("builders/kiln/")["latest_sample"] is None


def test_an_attempt_is_told_with_its_events_phases_and_artefacts() -> None:
    attempt = make_attempt(AttemptState.RUNNING, at=timezone.now())
    reporting.accept(attempt, make_report(attempt), at=timezone.now())
    told = get(f"attempts/{attempt.pk}/")
    assert (told["status"], told["builder"], told["slot"]) == ("succeeded", "kiln", 0)
    assert [event["status"] for event in told["events"]] == ["offered", "running", "succeeded"]
    assert [phase["name"] for phase in told["phases"]] == ["setup", "build"]
    assert told["artefacts"][0]["sha256"] == "b" * 64


@pytest.mark.parametrize("path", ["builders/nobody/", "attempts/6b1f6a6e-52f7-4f0e-9d0a-3f7a4e0c9b11/"])
def test_what_is_unknown_is_a_problem(path: str) -> None:
    response = Client().get(f"/api/v1/{path}")
    assert (response.status_code, json.loads(response.content)["code"]) == (404, "not_found")


def test_nothing_that_would_let_a_stranger_speak_for_a_builder_is_told() -> None:
    attempt = make_attempt(AttemptState.RUNNING, at=timezone.now())
    for path in ("builders/", "builders/kiln/", f"attempts/{attempt.pk}/"):
        text = json.dumps(get(path))
        assert not [secret for secret in SECRETS if f'{secret}"' in text]


def test_builders_and_attempts_are_read_only() -> None:
    make_builder("kiln")
    for method in ("post", "put", "patch", "delete"):
        assert getattr(Client(), method)("/api/v1/builders/kiln/").status_code in {401, 403, 405}


class TestAdmin:
    @pytest.fixture
    def admin(self) -> Client:
        client = Client()
        client.force_login(get_user_model().objects.create_superuser("root", "root@hub.example", "a long password"))
        return client

    def act(self, admin: Client, action: str, builder: Builder) -> str:
        data = {"action": action, "_selected_action": [builder.pk]}
        return admin.post("/admin/avalanche/builder/", data, follow=True).content.decode()

    def test_every_page_opens(self, admin: Client) -> None:
        attempt = make_attempt(AttemptState.RUNNING)
        HostSample.objects.record(builder=attempt.builder, sample=make_sample(), at=timezone.now())
        for path in (
            "builder/",
            "builder/add/",
            f"builder/{attempt.builder.pk}/change/",
            "attempt/",
            f"attempt/{attempt.pk}/change/",
            "enrolmentcode/",
        ):
            assert admin.get(f"/admin/avalanche/{path}").status_code == 200, path

    def test_a_new_builder_is_registered(self, admin: Client) -> None:
        slots = {"slots-TOTAL_FORMS": 0, "slots-INITIAL_FORMS": 0}
        admin.post("/admin/avalanche/builder/add/", {"name": "oven", "tier": "test", "address": "", **slots})
        assert Builder.objects.get().name == "oven"

    def test_a_code_is_shown_once_and_kept_as_a_hash(self, admin: Client) -> None:
        builder = make_builder()
        page = self.act(admin, "give_code", builder)
        assert "manage.py enrol" in page
        stored = EnrolmentCode.objects.order_by("-pk")[0]
        assert stored.code_hash not in page
        assert "manage.py enrol" not in admin.get("/admin/avalanche/builder/").content.decode()

    def test_a_builder_is_drained_resumed_demoted_and_revoked(self, admin: Client, settings: Settings) -> None:
        settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
        builder = make_builder()
        facts = []
        for action in ("drain", "resume", "demote", "revoke"):
            self.act(admin, action, builder)
            now = Builder.objects.get()
            facts.append((now.is_draining, now.tier, now.is_enrolled))
        assert facts == [
            (True, "official", True),
            (False, "official", True),
            (False, "test", True),
            (False, "test", False),
        ]

    def test_attempts_cannot_be_changed(self, admin: Client) -> None:
        attempt = make_attempt()
        assert admin.post(f"/admin/avalanche/attempt/{attempt.pk}/change/", {"status": "succeeded"}).status_code == 403
        assert admin.post(f"/admin/avalanche/attempt/{attempt.pk}/delete/", {"post": "yes"}).status_code == 403
