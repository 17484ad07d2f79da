"""Every transition of an import from every status, and its bounded patience."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from tests.factories.vessel import AT, later, make_stream
from vessel.models import Import, ImportEvent, Version
from vessel.models.imports import MOST_TRIES
from vessel.states import CLOSED, OPEN, SOURCES, IllegalTransition, ImportStatus

pytestmark = pytest.mark.django_db

VERBS: dict[ImportStatus, Callable[[Import, Version], None]] = {
    ImportStatus.REQUESTED: lambda subject, _: subject.defer(problem="the disk is full", at=later(2)),
    ImportStatus.FETCHING: lambda subject, _: subject.start(at=later(2)),
    ImportStatus.VERIFYING: lambda subject, _: subject.verify(at=later(2)),
    ImportStatus.PUBLISHED: lambda subject, version: subject.publish(version=version, at=later(2)),
    ImportStatus.REFUSED: lambda subject, _: subject.refuse(problem="wrong hash", at=later(2)),
}


@pytest.fixture
def version() -> Version:
    version = make_stream().version
    assert version is not None
    return version


def make_import(version: Version, status: ImportStatus = ImportStatus.REQUESTED) -> Import:
    subject, is_new = Import.request(
        reference="one", reply_to="test.settle", stream=version.lineage, order={}, at=later(1)
    )
    assert is_new
    if status in {ImportStatus.FETCHING, ImportStatus.VERIFYING, ImportStatus.PUBLISHED}:
        subject.start(at=later(1))
    if status in {ImportStatus.VERIFYING, ImportStatus.PUBLISHED}:
        subject.verify(at=later(1))
    if status is ImportStatus.PUBLISHED:
        subject.publish(version=version, at=later(1))
    if status is ImportStatus.REFUSED:
        subject.refuse(problem="no", at=later(1))
    return subject


@pytest.mark.parametrize("source", ImportStatus)
@pytest.mark.parametrize("target", ImportStatus)
def test_each_verb_moves_from_its_sources_only(version: Version, source: ImportStatus, target: ImportStatus) -> None:
    subject = make_import(version, source)
    events = ImportEvent.objects.filter(subject=subject).count()
    if source in SOURCES[target]:
        VERBS[target](subject, version)
        assert subject.status == target
        event = ImportEvent.objects.filter(subject=subject).order_by("pk").last()
        assert event is not None
        assert (event.from_status, event.to_status, event.happened_at) == (source, target, later(2))
        assert ImportEvent.objects.filter(subject=subject).count() == events + 1
    else:
        with pytest.raises(IllegalTransition):
            VERBS[target](subject, version)
        subject.refresh_from_db()
        assert subject.status == source
        assert ImportEvent.objects.filter(subject=subject).count() == events
    assert (subject.closed_at is not None) == (subject.status in CLOSED)


@pytest.mark.parametrize("target", ImportStatus)
def test_a_verb_loses_against_one_that_was_faster(version: Version, target: ImportStatus) -> None:
    source = min(SOURCES[target])
    subject = make_import(version, source)
    other = Import.objects.get(pk=subject.pk)
    other.refuse(problem="faster", at=later(2))
    with pytest.raises(IllegalTransition):
        VERBS[target](subject, version)
    other.refresh_from_db()
    assert other.problem == "faster"


def test_no_path_leaves_a_closed_status() -> None:
    assert all(not sources & CLOSED for sources in SOURCES.values())
    assert set(ImportStatus) == OPEN | CLOSED


def test_asking_twice_changes_nothing(version: Version) -> None:
    first = make_import(version)
    again, is_new = Import.request(
        reference="one", reply_to="other.task", stream=version.lineage, order={"changed": True}, at=later(9)
    )
    assert not is_new
    assert (again.pk, again.reply_to, again.order) == (first.pk, "test.settle", {})
    assert ImportEvent.objects.filter(subject=first).count() == 1


def test_pauses_double_and_patience_ends(version: Version) -> None:
    subject = make_import(version)
    pauses = []
    for number in range(MOST_TRIES):
        subject.start(at=AT)
        subject.defer(problem="the builder cannot be reached", at=AT)
        if subject.is_open:
            assert subject.retry_at is not None
            pauses.append((subject.retry_at - AT).total_seconds())
            assert subject.tries == number + 1
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert subject.status == ImportStatus.REFUSED
    assert subject.is_infrastructure_problem
    assert subject.problem == "the builder cannot be reached (tried 10 times)"


def test_acknowledging_keeps_the_first_time(version: Version) -> None:
    subject = make_import(version, ImportStatus.PUBLISHED)
    subject.acknowledge(at=later(5))
    subject.acknowledge(at=later(6))
    assert subject.settled_at == later(5)


def test_an_open_import_cannot_be_acknowledged(version: Version) -> None:
    subject = make_import(version)
    subject.acknowledge(at=later(5))
    assert subject.settled_at is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "lost"},
        {"status": "published"},
        {"status": "refused", "closed_at": AT},
        {"closed_at": AT},
        {"settled_at": AT},
    ],
)
def test_the_database_refuses_rows_that_make_no_sense(version: Version, wrong: dict[str, object]) -> None:
    subject = make_import(version)
    with pytest.raises(IntegrityError), transaction.atomic():
        Import.objects.filter(pk=subject.pk).update(**wrong)
