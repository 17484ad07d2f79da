"""The sweep does what a lost message or a dead process left undone, and does it once."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from avalanche import doorbell
from avalanche.models import Attempt, AttemptEvent, EnrolmentCode, HostSample
from avalanche.states import AttemptState
from avalanche.sweep import END_GRACE, sweep
from serpent_infra.wire.reports import FailureKind
from tests.factories.avalanche import AT, LEASE, PATIENCE, REPLY_TO, make_attempt, make_builder, make_order, make_sample
from tests.ringing import bells_of

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _no_broker(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"  # nobody listens there: the sweep carries on without


def rings(capture: Any, at: Any) -> list[tuple[object, ...]]:
    with capture() as callbacks:
        sweep(at=at)
    return bells_of(callbacks)


def test_an_offer_nobody_takes_expires(django_capture_on_commit_callbacks: Any) -> None:
    attempt = make_attempt()
    assert rings(django_capture_on_commit_callbacks, AT + PATIENCE) == [(REPLY_TO, attempt.pk)]
    stored = Attempt.objects.get()
    assert (stored.status, stored.failure_kind) == (AttemptState.EXPIRED, FailureKind.BUILDER_LOST)


def test_a_slot_that_does_not_answer_is_rung_again(django_capture_on_commit_callbacks: Any) -> None:
    attempt = make_attempt()
    assert rings(django_capture_on_commit_callbacks, AT + SECOND) == []
    again = [("kiln.", "build.kiln.0", attempt.pk)]
    assert rings(django_capture_on_commit_callbacks, AT + 5 * SECOND) == again
    assert Attempt.objects.get().status == AttemptState.OFFERED


def test_a_lease_that_runs_out_loses_the_attempt(django_capture_on_commit_callbacks: Any) -> None:
    attempt = make_attempt(AttemptState.RUNNING)
    sweep(at=AT + LEASE - SECOND)
    assert Attempt.objects.get().status == AttemptState.RUNNING
    assert rings(django_capture_on_commit_callbacks, AT + LEASE) == [(REPLY_TO, attempt.pk)]
    assert Attempt.objects.get().status == AttemptState.LOST


def test_a_lost_build_that_was_to_end_is_cancelled() -> None:
    make_attempt(AttemptState.RUNNING).request_cancel(at=AT)
    sweep(at=AT + LEASE)
    assert Attempt.objects.get().status == AttemptState.CANCELLED


def test_a_build_far_past_its_wall_limit_fails_although_it_renews() -> None:
    attempt = make_attempt(AttemptState.RUNNING, order=make_order(wall_seconds=60))
    due = AT + timedelta(seconds=60) + END_GRACE
    attempt.renew(epoch=1, phase="build", log_size=0, at=due, lease=LEASE)
    sweep(at=due - SECOND)
    assert Attempt.objects.get().status == AttemptState.RUNNING
    sweep(at=due)
    stored = Attempt.objects.get()
    assert (stored.status, stored.failure_kind) == (AttemptState.FAILED, FailureKind.TIME_LIMIT)


def test_a_build_that_goes_on_although_it_was_to_end_is_cancelled() -> None:
    attempt = make_attempt(AttemptState.RUNNING)
    attempt.request_cancel(at=AT)
    attempt.renew(epoch=1, phase="build", log_size=0, at=AT + END_GRACE, lease=LEASE)
    sweep(at=AT + END_GRACE)
    assert Attempt.objects.get().status == AttemptState.CANCELLED


def test_an_asker_that_does_not_settle_is_rung_again_until_it_does(django_capture_on_commit_callbacks: Any) -> None:
    attempt = make_attempt(AttemptState.FAILED)
    for _ in range(2):
        assert rings(django_capture_on_commit_callbacks, AT + 5 * SECOND) == [(REPLY_TO, attempt.pk)]
    attempt.settle(at=AT)
    assert rings(django_capture_on_commit_callbacks, AT + 5 * SECOND) == []


def test_running_twice_changes_nothing_more() -> None:
    builder = make_builder()
    make_attempt(AttemptState.OFFERED, slot=builder.slots.get(index=0))
    make_attempt(AttemptState.RUNNING, slot=builder.slots.get(index=1))
    late = AT + timedelta(hours=1)
    sweep(at=late)
    before = list(Attempt.objects.order_by("pk").values())
    sweep(at=late + SECOND)
    assert list(Attempt.objects.order_by("pk").values()) == before
    assert AttemptEvent.objects.count() == 5


def test_one_that_moved_meanwhile_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = make_builder()
    attempts = [make_attempt(AttemptState.RUNNING, slot=slot) for slot in builder.slots.all()]
    ring = doorbell.ring_asker_on_commit

    def report_the_other(attempt: Attempt) -> None:
        for other in Attempt.objects.open():
            other.succeed(at=AT)
        ring(attempt)

    monkeypatch.setattr(doorbell, "ring_asker_on_commit", report_the_other)
    sweep(at=AT + LEASE)
    statuses = sorted(Attempt.objects.filter(pk__in=[one.pk for one in attempts]).values_list("status", flat=True))
    assert statuses == [AttemptState.LOST, AttemptState.SUCCEEDED]


def test_measurements_are_kept_for_a_day_and_codes_for_a_week() -> None:
    builder = make_builder()
    HostSample.objects.record(builder=builder, sample=make_sample(), at=AT + timedelta(hours=23))
    sweep(at=AT + timedelta(hours=24, seconds=1))
    assert HostSample.objects.count() == 1
    assert EnrolmentCode.objects.exists()
    sweep(at=AT + timedelta(days=7, minutes=2))
    assert not EnrolmentCode.objects.exists()
