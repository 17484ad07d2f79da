"""Joining: a code is worth one builder, once, for minutes."""

import re
from datetime import timedelta

import msgspec
import pytest
from django.db import DatabaseError, transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from avalanche import enrolment
from avalanche.models import Builder, EnrolmentCode
from avalanche.models.enrolment import EnrolmentRefused
from avalanche.refusals import InvalidField
from avalanche.statuses import Tier
from serpent_infra.wire import tokens
from serpent_infra.wire.builders import EnrolAnswer, EnrolRequest, Hello
from tests.factories.avalanche import AT, make_builder, make_enrol_request, make_host, make_key, make_slots

pytestmark = pytest.mark.django_db

MINUTES = timedelta(minutes=5)


def code_for(name: str = "kiln", tier: Tier = Tier.TEST) -> str:
    return enrolment.issue_code(name=name, tier=tier, at=AT, lifetime=MINUTES)


def post(request: EnrolRequest) -> HttpResponse:
    response = Client().post("/api/agent/v1/enrol", msgspec.json.encode(request), content_type="application/json")
    assert isinstance(response, HttpResponse)
    return response


def test_a_machine_that_shows_its_code_becomes_its_builder() -> None:
    answer = enrolment.enrol(make_enrol_request(code_for()), at=AT)
    builder = Builder.objects.get(name="kiln")
    assert (answer.builder, answer.broker_prefix) == ("kiln", "kiln.")
    assert answer.hub_public_key == tokens.public_text(enrolment.hub_key())
    assert builder.public_key == tokens.public_text(make_key("kiln"))
    assert (builder.address, builder.architecture, builder.tier) == ("http://kiln.example:8002", "x86_64", Tier.TEST)
    assert [slot.index for slot in builder.slots.order_by("index")] == [0, 1]
    assert builder.host_info == make_host()


def test_the_broker_account_is_the_builders_own_and_its_password_is_kept_as_a_hash(settings: Settings) -> None:
    settings.SERPENT_BUILDER_BROKER_URL = "rediss://:hub-secret@broker.example:6380/2"
    answer = enrolment.enrol(make_enrol_request(code_for()), at=AT)
    account, _, rest = answer.broker_uri.removeprefix("rediss://").partition("@")
    user, _, password = account.partition(":")
    assert (user, rest) == ("builder-kiln", "broker.example:6380/2")
    assert len(password) >= 40
    assert "hub-secret" not in answer.broker_uri
    assert password not in str(Builder.objects.values().get())


def test_a_code_works_once() -> None:
    code = code_for()
    enrolment.enrol(make_enrol_request(code), at=AT)
    with pytest.raises(EnrolmentRefused):
        enrolment.enrol(make_enrol_request(code, public_key=tokens.public_text(make_key("thief"))), at=AT)
    assert Builder.objects.get().public_key == tokens.public_text(make_key("kiln"))


def test_of_two_who_read_the_same_unused_code_one_is_refused() -> None:
    code = code_for()
    assert EnrolmentCode.objects.redeemable(code, at=AT).update(used_at=AT) == 1
    assert EnrolmentCode.objects.redeemable(code, at=AT).update(used_at=AT) == 0


@pytest.mark.parametrize("late", [MINUTES, MINUTES + timedelta(days=1)])
def test_a_code_lapses(late: timedelta) -> None:
    code = code_for()
    with pytest.raises(EnrolmentRefused):
        enrolment.enrol(make_enrol_request(code), at=AT + late)
    assert not Builder.objects.get().is_enrolled


def test_a_newer_code_ends_the_older_one() -> None:
    older, newer = code_for(), code_for()
    with pytest.raises(EnrolmentRefused):
        enrolment.enrol(make_enrol_request(older), at=AT)
    assert enrolment.enrol(make_enrol_request(newer), at=AT).builder == "kiln"


def test_a_code_promotes_nobody() -> None:
    code_for("kiln", Tier.TEST)
    enrolment.enrol(make_enrol_request(code_for("kiln", Tier.OFFICIAL)), at=AT)
    assert Builder.objects.get().tier == Tier.TEST


def test_only_the_hash_of_a_code_is_kept() -> None:
    code = code_for()
    assert code not in str(EnrolmentCode.objects.values().get())


def test_a_code_can_never_be_taken_for_an_option_of_a_command() -> None:
    assert re.fullmatch("[0-9a-f]{64}", code_for())


def test_one_key_is_one_builders() -> None:
    make_builder("kiln")
    with pytest.raises(InvalidField) as refusal:
        enrolment.enrol(make_enrol_request(code_for("forge"), name="kiln"), at=AT)
    assert refusal.value.field == "public_key"
    code = EnrolmentCode.objects.get(builder__name="forge")
    assert code.used_at is None


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://kiln.example",
        "http://",
        "kiln.example",
        "http://user:secret@kiln.example",
        "http://kiln.example/?next=http://other.example",
        "http://kiln.example/#x",
        "http://[::1",
        "http://kiln.example:99999",
        "http://kiln.example/" + "x" * 300,
    ],
)
def test_an_address_must_be_a_plain_web_address(address: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        enrolment.enrol(make_enrol_request(code_for(), address=address), at=AT)
    assert refusal.value.field == "address"


def test_a_key_must_be_one() -> None:
    with pytest.raises(InvalidField):
        enrolment.enrol(make_enrol_request(code_for(), public_key="!" * 43), at=AT)


@pytest.mark.parametrize("name", ["hub", "", "Kiln", "a/b", "../x", "-a", "a.b", "a" * 64, "a\n"])
def test_some_names_are_no_builders(name: str) -> None:
    with pytest.raises(enrolment.NameRefused):
        enrolment.issue_code(name=name, tier=Tier.TEST, at=AT)
    with pytest.raises(DatabaseError), transaction.atomic():
        Builder.objects.create(name=name, created_at=AT)


def test_an_enrolment_over_http_answers_201_and_its_replay_403() -> None:
    request = make_enrol_request(enrolment.issue_code(name="kiln", tier=Tier.TEST, at=timezone.now()))
    first, replay = post(request), post(request)
    assert first.status_code == 201
    assert msgspec.json.decode(first.content, type=EnrolAnswer).builder == "kiln"
    assert (replay.status_code, msgspec.json.decode(replay.content)["code"]) == (403, "enrolment-refused")


def test_a_field_that_cannot_be_is_answered_422_and_named() -> None:
    response = post(make_enrol_request("x" * 16, architecture="../../etc"))
    assert response.status_code == 422
    assert list(msgspec.json.decode(response.content)["errors"]) == ["architecture"]


def test_a_second_enrolment_replaces_the_first_and_retires_slots() -> None:
    builder = make_builder("kiln", slots=3)
    other = tokens.public_text(make_key("kiln-anew"))
    enrolment.enrol(make_enrol_request(code_for(), public_key=other, slots=1), at=AT)
    assert Builder.objects.get().public_key == other
    assert [slot.index for slot in builder.slots.current()] == [0]
    assert builder.slots.count() == 3


def test_a_machine_that_describes_itself_anew_gets_its_slots_back() -> None:
    builder = make_builder("kiln", slots=1)
    hello = Hello(host=make_host(kernel="Linux 7"), slots=make_slots(3))
    assert hello.host is not None
    builder.declare(slots=hello.slots, host=hello.host)
    builder.refresh_from_db()
    assert builder.slots.current().count() == 3
    assert builder.host["kernel"] == "Linux 7"


def test_a_revoked_builder_holds_no_key() -> None:
    builder = make_builder()
    enrolment.revoke(builder)
    stored = Builder.objects.get()
    assert (stored.is_enrolled, stored.broker_password_hash) == (False, "")
