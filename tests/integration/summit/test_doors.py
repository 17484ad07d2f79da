"""summit with the real avalanche and the real vessel behind their doors, up to the wire on either side."""

from pathlib import Path
from uuid import UUID

import pytest
from pytest_django import Settings

from avalanche import leases, reporting
from avalanche.models import Attempt
from serpent_infra.wire.reports import FailureKind
from summit import dispatch, lifecycle, planning, publishing, settling
from summit.models import AttemptRef, BuildTask, Profile, Project, Repository
from summit.states import TaskStatus
from tests.factories.avalanche import make_builder, make_report
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository
from vessel.models import Import

pytestmark = pytest.mark.django_db


@pytest.fixture
def planned(settings: Settings, tmp_path: Path) -> tuple[Profile, Repository]:
    settings.SERPENT_PUBLIC_DIR = tmp_path / "public"
    settings.SERPENT_IMPORTS_DIR = tmp_path / "imports"
    publishing.forget()
    project: Project = make_project()
    profile, repository = make_profile(project), make_repository(project)
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    planning.plan(profile, at=AT)
    return profile, repository


def building(name: str) -> Attempt:
    reference = AttemptRef.objects.unsettled().get(task__source_name=name)
    return Attempt.objects.get(pk=reference.attempt)


@pytest.mark.usefixtures("planned")
def test_a_reported_build_becomes_an_import_and_its_slot_is_free_at_once() -> None:
    make_builder(slots=1)
    assert dispatch.dispatch(at=AT) == 1
    assert dispatch.dispatch(at=AT) == 0, "the slot is taken"
    attempt = building("zlib")
    answer = leases.claim(attempt, slot=0, at=AT)
    assert answer.order.source_name == "zlib"
    assert answer.order.remotes[0].index_uri.endswith("/x86_64/stone.index")
    attempt.refresh_from_db()
    reporting.accept(attempt, make_report(attempt), at=AT)
    assert dispatch.unsettled() == [attempt.pk]
    settling.sweep(at=AT)
    assert dispatch.unsettled() == []
    task = BuildTask.objects.get(source_name="zlib")
    assert task.status == TaskStatus.PUBLISHING
    [ordered] = Import.objects.all()
    assert ordered.reference == task.attempts.get().import_reference
    report = publishing.import_of(ordered.reference)
    assert report is not None
    assert report.is_open
    assert len(dispatch.free_slots(at=AT)) == 1


@pytest.mark.usefixtures("planned")
def test_a_refused_import_comes_back_as_a_failure_with_its_sentence() -> None:
    make_builder(slots=1)
    dispatch.dispatch(at=AT)
    attempt = building("zlib")
    leases.claim(attempt, slot=0, at=AT)
    attempt.refresh_from_db()
    reporting.accept(attempt, make_report(attempt), at=AT)
    settling.settle_attempt(attempt.pk, at=AT)
    ordered = Import.objects.get()
    ordered.refuse(problem="the stone says it is openssl", at=AT)
    settling.sweep(at=AT)
    task = BuildTask.objects.get(source_name="zlib")
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, settling.REFUSED)
    assert "openssl" in task.problem
    assert publishing.unsettled() == []


@pytest.mark.usefixtures("planned")
def test_a_lost_attempt_goes_back_into_the_queue() -> None:
    make_builder(slots=1)
    dispatch.dispatch(at=AT)
    attempt = building("zlib")
    leases.claim(attempt, slot=0, at=AT)
    attempt.refresh_from_db()
    attempt.lose(message="the builder fell silent", at=AT)
    settling.sweep(at=AT)
    task = BuildTask.objects.get(source_name="zlib")
    assert (task.status, task.infrastructure_failures) == (TaskStatus.QUEUED, 1)
    assert task.attempts.get().failure_kind == FailureKind.BUILDER_LOST


@pytest.mark.usefixtures("planned")
def test_an_offer_that_nobody_claimed_is_made_again() -> None:
    make_builder(slots=1)
    dispatch.dispatch(at=AT)
    building("zlib").expire(message="nobody came", at=AT)
    settling.sweep(at=AT)
    assert BuildTask.objects.get(source_name="zlib").status == TaskStatus.QUEUED


@pytest.mark.usefixtures("planned")
def test_cancelling_ends_the_offer_and_frees_the_slot() -> None:
    make_builder(slots=1)
    dispatch.dispatch(at=AT)
    attempt = building("zlib")
    lifecycle.cancel(BuildTask.objects.get(source_name="zlib"), actor=None, at=AT)
    attempt.refresh_from_db()
    assert attempt.status == "cancelled"
    settling.sweep(at=AT)
    assert BuildTask.objects.get(source_name="zlib").status == TaskStatus.CANCELLED
    assert len(dispatch.free_slots(at=AT)) == 1
    assert BuildTask.objects.get(source_name="libpng").problem.endswith("which was cancelled")


def test_unknown_ids_are_nothing_to_settle() -> None:
    unknown = UUID(int=7)
    assert not settling.settle_attempt(unknown, at=AT)
    assert not settling.settle_import("nobody", at=AT)
    assert publishing.import_of("nobody") is None
