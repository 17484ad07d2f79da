"""Every transition of an attempt, tried from every status; and that the database itself holds the rules."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from avalanche.models import Attempt, AttemptEvent
from avalanche.states import CLOSED, SOURCES, AttemptState, IllegalTransition
from avalanche.statuses import Tier
from serpent_infra.wire.orders import BuildPurpose
from serpent_infra.wire.reports import FailureKind
from tests.factories.avalanche import AT, LEASE, make_attempt, make_builder, make_order

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(seconds=10)
VERBS: dict[AttemptState, Callable[[Attempt], None]] = {
    AttemptState.RUNNING: lambda attempt: attempt.claim(at=LATER, lease=LEASE),
    AttemptState.SUCCEEDED: lambda attempt: attempt.succeed(at=LATER),
    AttemptState.FAILED: lambda attempt: attempt.fail(kind=FailureKind.FETCH, message="gone", at=LATER),
    AttemptState.CANCELLED: lambda attempt: attempt.cancel(at=LATER),
    AttemptState.LOST: lambda attempt: attempt.lose(message="silent", at=LATER),
    AttemptState.EXPIRED: lambda attempt: attempt.expire(message="nobody", at=LATER),
}


@pytest.mark.parametrize("source", list(AttemptState))
@pytest.mark.parametrize("target", list(VERBS))
def test_a_transition_is_made_exactly_where_the_table_allows_it(source: AttemptState, target: AttemptState) -> None:
    attempt = make_attempt(source)
    before = Attempt.objects.values().get()
    events = AttemptEvent.objects.count()
    if source in SOURCES[target]:
        VERBS[target](attempt)
        stored = Attempt.objects.get()
        assert stored.status == attempt.status == target
        assert (stored.ended_at == LATER) == (target in CLOSED)
        latest = attempt.events.order_by("pk").last()
        assert latest is not None
        assert (latest.source, latest.target, latest.at) == (source, target, LATER)
    else:
        with pytest.raises(IllegalTransition):
            VERBS[target](attempt)
        assert Attempt.objects.values().get() == before
        assert AttemptEvent.objects.count() == events


@pytest.mark.parametrize("target", list(VERBS))
def test_a_transition_from_a_status_that_has_passed_is_refused(target: AttemptState) -> None:
    start = next(iter(SOURCES[target]))
    read_early = make_attempt(start)
    moved_on = Attempt.objects.get()
    moved_on.cancel(at=AT)
    with pytest.raises(IllegalTransition):
        VERBS[target](read_early)
    assert Attempt.objects.get().status == AttemptState.CANCELLED


def test_a_claim_gives_a_lease_with_a_first_epoch_and_a_last_hour() -> None:
    attempt = make_attempt(order=make_order(wall_seconds=600))
    attempt.claim(at=LATER, lease=LEASE)
    stored = Attempt.objects.get()
    assert (stored.epoch, stored.started_at) == (1, LATER)
    assert stored.lease_expires_at == LATER + LEASE
    assert stored.must_end_by == LATER + timedelta(seconds=600)


def test_a_lost_attempt_makes_its_lease_stale() -> None:
    attempt = make_attempt(AttemptState.RUNNING)
    attempt.lose(message="silent", at=LATER)
    assert Attempt.objects.get().epoch == 2


def test_a_renewal_prolongs_the_lease_of_its_own_epoch_only() -> None:
    attempt = make_attempt(AttemptState.RUNNING)
    attempt.renew(epoch=1, phase="build", log_size=7, at=LATER, lease=LEASE)
    stored = Attempt.objects.get()
    assert (stored.lease_expires_at, stored.phase, stored.log_size) == (LATER + LEASE, "build", 7)
    with pytest.raises(IllegalTransition):
        attempt.renew(epoch=2, phase="check", log_size=8, at=LATER, lease=LEASE)
    assert Attempt.objects.get().phase == "build"


def test_a_wish_to_cancel_is_noted_once() -> None:
    attempt = make_attempt(AttemptState.RUNNING)
    attempt.request_cancel(at=AT)
    attempt.request_cancel(at=LATER)
    assert Attempt.objects.get().cancel_requested_at == AT


@pytest.mark.parametrize("status", sorted(set(AttemptState) - {AttemptState.RUNNING}))
def test_only_what_runs_can_be_asked_to_end(status: AttemptState) -> None:
    attempt = make_attempt(status)
    with pytest.raises(IllegalTransition):
        attempt.request_cancel(at=LATER)


@pytest.mark.parametrize("status", list(AttemptState))
def test_only_what_has_ended_can_be_settled_and_once(status: AttemptState) -> None:
    attempt = make_attempt(status)
    attempt.settle(at=AT)
    attempt.settle(at=LATER)
    assert Attempt.objects.get().settled_at == (AT if status in CLOSED else None)


@pytest.mark.parametrize("status", list(AttemptState))
def test_what_is_droppable(status: AttemptState) -> None:
    attempt = make_attempt(status)
    unwanted = {AttemptState.FAILED, AttemptState.CANCELLED, AttemptState.LOST}
    assert Attempt.objects.droppable().exists() == (status in unwanted)
    attempt.release(at=AT)
    assert Attempt.objects.droppable().exists() == (status in unwanted | {AttemptState.SUCCEEDED})
    attempt.note_dropped(at=LATER)
    assert not Attempt.objects.droppable().exists()
    was_there = status in unwanted | {AttemptState.SUCCEEDED}
    assert Attempt.objects.get().dropped_at == (LATER if was_there else None)


def test_the_database_refuses_a_second_open_attempt_on_a_slot() -> None:
    first = make_attempt()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_attempt(slot=first.slot)
    first.cancel(at=LATER)
    make_attempt(slot=first.slot)


def test_the_database_refuses_an_official_build_on_a_test_builder() -> None:
    slot = make_builder(tier=Tier.TEST).slots.order_by("index")[0]
    with pytest.raises(IntegrityError), transaction.atomic():
        make_attempt(slot=slot, order=make_order(purpose=BuildPurpose.OFFICIAL))
    make_attempt(slot=slot, order=make_order(purpose=BuildPurpose.TEST))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": AttemptState.SUCCEEDED},
        {"ended_at": AT},
        {"status": AttemptState.RUNNING},
        {"status": AttemptState.RUNNING, "epoch": 1, "started_at": AT},
    ],
)
def test_the_database_refuses_a_status_without_its_facts(changes: dict[str, object]) -> None:
    make_attempt()
    with pytest.raises(IntegrityError), transaction.atomic():
        Attempt.objects.update(**changes)
