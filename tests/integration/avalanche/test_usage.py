"""What attempts took, from the report to avalanche's door: checked, kept, handed on; and which slots are known."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.utils import timezone

from avalanche import interfaces as avalanche
from avalanche.models import Attempt, Builder
from avalanche.states import AttemptState
from serpent_infra.wire.reports import MemoryMethod
from tests.factories.avalanche import make_attempt, make_builder, make_report
from tests.integration.avalanche.conftest import Speaker

pytestmark = pytest.mark.django_db
MEASURED = {"memory_peak": 3 * 2**30, "memory_method": MemoryMethod.CGROUP, "disk_peak": 5 * 2**30}


@pytest.fixture
def running() -> Attempt:
    attempt = make_attempt(at=timezone.now())
    attempt.claim(at=timezone.now(), lease=timedelta(seconds=45))
    return attempt


@pytest.fixture
def speaker(running: Attempt, speak: Callable[[Builder], Speaker]) -> Speaker:
    return speak(running.builder)


def hand_in(speaker: Speaker, attempt: Attempt, **changes: Any) -> int:
    """Sends a report whose JSON is changed so, None for a field left out, and gives the answer's status."""
    facts = msgspec.to_builtins(make_report(attempt)) | changes
    body = msgspec.json.encode({name: value for name, value in facts.items() if value is not None})
    return speaker.send("POST", f"attempts/{attempt.pk}/report", body).status_code


def test_what_a_builder_measured_is_kept_and_handed_on(running: Attempt, speaker: Speaker) -> None:
    assert hand_in(speaker, running, **MEASURED) == 204

    status = avalanche.attempt_status(attempt=running.pk)
    assert (status.memory_peak, status.disk_peak) == (3 * 2**30, 5 * 2**30)
    assert status.memory_limit == running.slot.memory_limit > 0
    told = json.loads(Client().get(f"/api/v1/attempts/{running.pk}/").content)
    assert {name: told[name] for name in MEASURED} == MEASURED


def test_a_report_of_an_agent_that_does_not_measure_is_taken(running: Attempt, speaker: Speaker) -> None:
    assert hand_in(speaker, running, **dict.fromkeys(MEASURED)) == 204

    status = avalanche.attempt_status(attempt=running.pk)
    assert (status.status, status.memory_peak, status.disk_peak) == ("succeeded", None, None)


def test_disk_alone_may_be_measured(running: Attempt, speaker: Speaker) -> None:
    assert hand_in(speaker, running, disk_peak=0) == 204
    assert avalanche.attempt_status(attempt=running.pk).disk_peak == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_peak": -1},
        {"memory_peak": 2**40 + 1},
        {"memory_peak": 1.5},
        {"memory_peak": "1"},
        {"memory_peak": True},
        {"disk_peak": -1},
        {"disk_peak": 2**63},
        {"disk_peak": [1]},
        {"memory_method": "guess"},
        {"memory_method": None},
        {"memory_peak": None},
    ],
)
def test_a_measure_that_cannot_be_is_refused(running: Attempt, speaker: Speaker, changes: dict[str, Any]) -> None:
    assert hand_in(speaker, running, **(MEASURED | changes)) == 422
    running.refresh_from_db()
    assert (running.status, running.memory_peak) == (AttemptState.RUNNING, None)


def test_slots_are_known_for_as_long_as_their_builder_was_heard_of() -> None:
    at = timezone.now()
    for name, silent_for, is_draining in (
        ("awake", timedelta(), False),
        ("silent", timedelta(hours=2), False),
        ("gone", timedelta(days=2), False),
        ("leaving", timedelta(), True),
    ):
        builder = make_builder(name, at=at - silent_for)
        Builder.objects.filter(pk=builder.pk).update(is_draining=is_draining)

    known = avalanche.known_slots(since=at - timedelta(days=1), at=at)

    assert {slot.builder for slot in known} == {"awake", "silent"}
    assert {slot.builder for slot in avalanche.working_slots(at=at)} == {"awake"}
    assert all(slot.memory_limit > 0 and slot.disk_free > 0 for slot in known)
