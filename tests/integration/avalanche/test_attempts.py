"""avalanche's door: free slots, offers, cancels, ends that wait to be acknowledged."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries, Settings

from avalanche import interfaces as avalanche
from avalanche import logs, reporting
from avalanche.models import Attempt, Builder, HostSample
from avalanche.states import CLOSED, AttemptState
from serpent_infra.wire.orders import BuildOrder, BuildPurpose
from serpent_infra.wire.reports import FailureKind
from tests.factories.avalanche import (
    AT,
    GIB,
    REPLY_TO,
    make_attempt,
    make_builder,
    make_order,
    make_report,
    make_sample,
)
from tests.ringing import bells_of

pytestmark = pytest.mark.django_db

SOON = AT + timedelta(seconds=5)


def offer(order: BuildOrder, *, builder: str = "kiln", slot: int = 0, at: datetime = SOON) -> None:
    avalanche.offer(order=order, task="task-7", builder=builder, slot=slot, reply_to=REPLY_TO, at=at)


def slots(at: datetime = SOON) -> list[tuple[str, int]]:
    return [(slot.builder, slot.slot) for slot in avalanche.free_slots(at=at)]


class TestFreeSlots:
    def test_idle_slots_of_well_builders_are_free(self) -> None:
        make_builder("oven", slots=1)
        make_builder("kiln", slots=2)
        assert slots() == [("kiln", 0), ("kiln", 1), ("oven", 0)]

    def test_a_free_slot_says_what_may_be_put_there(self) -> None:
        make_builder(slots=1)
        (slot,) = avalanche.free_slots(at=SOON)
        assert slot == avalanche.FreeSlot(
            builder="kiln",
            slot=0,
            tier=avalanche.Tier.OFFICIAL,
            architecture="x86_64",
            isa_levels=frozenset({"x86_64", "x86_64-v2"}),
            memory_limit=8 * GIB,
            disk_free=400 * GIB,
        )

    def test_a_busy_slot_is_not_free_until_its_attempt_ends(self) -> None:
        attempt = make_attempt(AttemptState.RUNNING)
        assert slots() == [("kiln", 1)]
        attempt.succeed(at=SOON)
        assert slots() == [("kiln", 0), ("kiln", 1)]

    def test_a_silent_draining_full_revoked_or_unmeasured_builder_has_none(self) -> None:
        make_builder("draining").drain()
        make_builder("revoked").revoke()
        make_builder("unmeasured", is_well=False)
        full = make_builder("full")
        HostSample.objects.record(builder=full, sample=make_sample(disk_free=GIB), at=SOON)
        make_builder("silent", at=AT - timedelta(minutes=10))
        assert slots() == []

    def test_a_retired_slot_is_not_free(self) -> None:
        builder = make_builder()
        builder.slots.filter(index=1).update(is_retired=True)
        assert slots() == [("kiln", 0)]


class TestFleet:
    def test_every_builder_has_its_status(self) -> None:
        attempt = make_attempt(AttemptState.RUNNING)
        make_builder("full")
        HostSample.objects.record(builder=Builder.objects.get(name="full"), sample=make_sample(disk_free=GIB), at=SOON)
        Builder.objects.create_with_code(
            name="awaited", tier=avalanche.Tier.TEST, owner=None, at=AT, lifetime=timedelta(minutes=5)
        )
        awaited, full, kiln = avalanche.fleet(at=SOON)
        assert (awaited.is_online, awaited.problem, awaited.slots_total) == (False, "Has not enrolled yet.", 0)
        assert full.problem.startswith("The disk is nearly full")
        assert (kiln.name, kiln.slots_total, kiln.slots_busy) == (attempt.builder.name, 2, 1)
        assert (kiln.disk_used, kiln.disk_free, kiln.problem) == (100 * GIB, 400 * GIB, "")

    def test_the_fleet_is_read_in_two_queries(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        for name in ("a", "b", "c"):
            make_attempt(AttemptState.RUNNING, slot=make_builder(name).slots.order_by("index")[0])
        with django_assert_num_queries(2):
            assert [status.slots_busy for status in avalanche.fleet(at=SOON)] == [1, 1, 1]


class TestOffer:
    def test_an_offer_is_kept_and_its_slot_rung_after_commit(self, django_capture_on_commit_callbacks: Any) -> None:
        make_builder()
        order = make_order()
        with django_capture_on_commit_callbacks() as callbacks:
            offer(order)
        attempt = Attempt.objects.get()
        assert (attempt.pk, attempt.task, attempt.order) == (order.attempt, "task-7", order)
        assert bells_of(callbacks) == [("kiln.", "build.kiln.0", order.attempt)]

    @pytest.mark.parametrize("slot", [0, 7])
    def test_a_slot_that_has_work_or_is_none_is_taken(self, slot: int) -> None:
        make_attempt()
        with pytest.raises(avalanche.SlotTaken):
            offer(make_order(), slot=slot)

    def test_a_slot_of_a_builder_that_fell_silent_is_taken(self) -> None:
        make_builder()
        with pytest.raises(avalanche.SlotTaken):
            offer(make_order(), at=AT + timedelta(hours=1))

    def test_a_slot_of_a_draining_builder_is_taken(self) -> None:
        make_builder().drain()
        with pytest.raises(avalanche.SlotTaken):
            offer(make_order())

    def test_a_demoted_builder_gets_no_official_build(self) -> None:
        make_builder().demote()
        with pytest.raises(avalanche.SlotTaken):
            offer(make_order(purpose=BuildPurpose.OFFICIAL))
        offer(make_order(purpose=BuildPurpose.TEST))

    def test_a_refused_offer_leaves_the_callers_transaction_whole(self) -> None:
        make_attempt()
        with transaction.atomic():
            with pytest.raises(avalanche.SlotTaken):
                offer(make_order())
            offer(make_order(), slot=1)
        assert Attempt.objects.count() == 2


class TestCancel:
    def test_an_offer_ends_at_once_and_its_asker_is_rung(self, django_capture_on_commit_callbacks: Any) -> None:
        attempt = make_attempt()
        with django_capture_on_commit_callbacks() as callbacks:
            avalanche.cancel(attempt=attempt.pk, at=SOON)
        assert Attempt.objects.get().status == AttemptState.CANCELLED
        assert bells_of(callbacks) == [(REPLY_TO, attempt.pk)]

    def test_a_running_build_is_asked_to_end(self) -> None:
        attempt = make_attempt(AttemptState.RUNNING)
        avalanche.cancel(attempt=attempt.pk, at=SOON)
        avalanche.cancel(attempt=attempt.pk, at=SOON + timedelta(seconds=9))
        stored = Attempt.objects.get()
        assert (stored.status, stored.cancel_requested_at) == (AttemptState.RUNNING, SOON)

    @pytest.mark.parametrize("status", sorted(CLOSED))
    def test_what_has_ended_stays_as_it_is(self, status: AttemptState) -> None:
        attempt = make_attempt(status)
        before = Attempt.objects.values().get()
        avalanche.cancel(attempt=attempt.pk, at=SOON)
        assert Attempt.objects.values().get() == before


class TestEnds:
    def test_ends_wait_until_they_are_acknowledged(self) -> None:
        builder = make_builder()
        late = make_attempt(AttemptState.FAILED, slot=builder.slots.get(index=0), at=SOON)
        early = make_attempt(AttemptState.SUCCEEDED, slot=builder.slots.get(index=0), at=AT)
        make_attempt(AttemptState.RUNNING, slot=builder.slots.get(index=0))
        assert avalanche.unsettled(reply_to=REPLY_TO) == [early.pk, late.pk]
        assert avalanche.unsettled(reply_to="others.settle") == []
        avalanche.acknowledge(attempt=early.pk, at=SOON)
        avalanche.acknowledge(attempt=early.pk, at=SOON)
        assert avalanche.unsettled(reply_to=REPLY_TO) == [late.pk]

    def test_an_attempt_is_told_as_it_stands(self) -> None:
        attempt = make_attempt(AttemptState.RUNNING)
        logs.append(attempt=attempt.pk, offset=0, chunk=b"abc", limit=10)
        running = avalanche.attempt_status(attempt=attempt.pk)
        assert (running.is_open, running.status, running.log_size, running.report) == (True, "running", 3, None)
        report = make_report(attempt)
        reporting.accept(attempt, report, at=SOON)
        ended = avalanche.attempt_status(attempt=attempt.pk)
        assert (ended.is_open, ended.status, ended.log_size, ended.report) == (False, "succeeded", 3, report)

    def test_an_end_that_the_hub_made_has_a_kind_and_a_sentence(self) -> None:
        attempt = make_attempt(AttemptState.LOST)
        status = avalanche.attempt_status(attempt=attempt.pk)
        assert (status.failure_kind, status.failure_message) == (FailureKind.BUILDER_LOST, "gone")

    def test_many_are_read_in_one_query(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        builder = make_builder()
        known = [make_attempt(slot=slot).pk for slot in builder.slots.all()]
        with django_assert_num_queries(1):
            statuses = avalanche.attempt_statuses(attempts=[*known, uuid4()])
        assert set(statuses) == set(known)

    def test_artefacts_are_fetched_from_the_registered_address_only(self) -> None:
        attempt = make_attempt(AttemptState.SUCCEEDED)
        source = avalanche.artefact_source(attempt=attempt.pk)
        assert source.base_uri == f"http://kiln.example:8002/artefacts/{attempt.pk}/"
        assert source.audience == "kiln"

    def test_artefacts_are_released_once(self) -> None:
        attempt = make_attempt(AttemptState.SUCCEEDED)
        avalanche.release_artefacts(attempt=attempt.pk, at=AT)
        avalanche.release_artefacts(attempt=attempt.pk, at=SOON)
        assert Attempt.objects.get().released_at == AT

    def test_an_unknown_attempt_is_said_to_be(self, settings: Settings) -> None:
        assert settings.SERPENT_OFFER_SECONDS
        unknown = uuid4()
        for ask in (avalanche.attempt_status, avalanche.artefact_source):
            with pytest.raises(avalanche.UnknownAttempt):
                ask(attempt=unknown)
        for tell in (avalanche.cancel, avalanche.acknowledge, avalanche.release_artefacts):
            with pytest.raises(avalanche.UnknownAttempt):
                tell(attempt=unknown, at=AT)
