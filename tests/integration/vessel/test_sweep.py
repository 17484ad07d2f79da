"""What a lost message, a crash or damage left is done again."""

import shutil
from datetime import datetime
from pathlib import Path

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests.factories.vessel import AT, bring_in, later, make_order, make_stone, make_stream
from tests.ringing import bells_of
from vessel import intake, tree
from vessel.check import findings
from vessel.models import Import, Stream, Version
from vessel.states import IllegalTransition, ImportStatus
from vessel.sweep import sweep

pytestmark = pytest.mark.django_db


class Rings:
    """Collects what a sweep would ring."""

    def __init__(self, capture: DjangoCaptureOnCommitCallbacks) -> None:
        self._capture = capture

    def at(self, moment: datetime) -> list[tuple[str, str]]:
        with self._capture() as callbacks:
            sweep(at=moment)
        return bells_of(callbacks)


@pytest.fixture
def rings(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Rings:
    return Rings(django_capture_on_commit_callbacks)


@pytest.fixture
def stream() -> Stream:
    return make_stream()


@pytest.fixture
def subject(stream: Stream, stones: Path) -> Import:
    order = make_order([make_stone(stones)])
    intake.request(order=order, reply_to="test.settle", at=AT)
    return Import.objects.get(stream=stream)


def test_a_ring_that_was_lost_is_repeated(rings: Rings, subject: Import) -> None:
    assert rings.at(later(20)) == []
    assert rings.at(later(31)) == [("vessel.import_artefacts", subject.reference)]
    assert rings.at(later(32)) == []
    assert rings.at(later(62)) == [("vessel.import_artefacts", subject.reference)]


def test_an_import_past_its_deadline_is_given_up_whoever_holds_it(
    rings: Rings, subject: Import, settings: Settings
) -> None:
    settings.SERPENT_IMPORT_SECONDS = 600
    subject.start(at=AT)  # and its worker hangs
    rings.at(later(599))
    subject.refresh_from_db()
    assert subject.is_open
    assert ("test.settle", subject.reference) in rings.at(later(600))
    late = Import.objects.get()
    assert (late.status, late.is_infrastructure_problem) == (ImportStatus.REFUSED, True)
    assert late.problem == "its artefacts could not be taken in within 600 seconds"
    with pytest.raises(IllegalTransition):
        subject.verify(at=later(601))  # the worker comes to after all


def test_an_import_whose_stones_are_in_the_pool_has_no_deadline_left(
    rings: Rings, subject: Import, settings: Settings
) -> None:
    settings.SERPENT_IMPORT_SECONDS = 600
    subject.start(at=AT)
    subject.verify(at=AT)
    subject.note_verified(at=AT)
    rings.at(later(700))
    assert Import.objects.get().is_open


def test_a_deferred_import_is_rung_when_its_pause_is_over(rings: Rings, subject: Import) -> None:
    intake.process(reference=subject.reference, clock=lambda: AT)  # nobody listens at its address
    assert rings.at(later(1)) == []
    assert rings.at(later(2)) == [("vessel.import_artefacts", subject.reference)]
    assert rings.at(later(3)) == []


def test_an_asker_that_does_not_settle_is_rung_again(rings: Rings, subject: Import) -> None:
    subject.refuse(problem="no", at=AT)
    assert rings.at(later(20)) == []
    assert rings.at(later(31)) == [("test.settle", subject.reference)]
    assert rings.at(later(32)) == []
    subject.acknowledge(at=later(33))
    assert rings.at(later(99)) == []


def test_files_of_closed_imports_are_cleared(subject: Import) -> None:
    directory = intake.import_dir(subject)
    directory.mkdir(parents=True)
    sweep(at=AT)
    assert directory.exists()
    subject.refuse(problem="no", at=AT)
    sweep(at=AT)
    assert not directory.exists()


def test_a_tree_that_was_lost_is_written_from_the_rows(stream: Stream, stones: Path, public_dir: Path) -> None:
    bring_in([make_stone(stones)], at=later(1))
    base = public_dir / "main"
    expected = {path: path.read_bytes() for path in sorted(base.rglob("history/**/stone.index"))}
    shutil.rmtree(base / "history")
    shutil.rmtree(base / ".generations")
    for link in (".current", "stream", "moss-root-index.json"):
        (base / link).unlink()
    assert list(findings(stream.channel)) != []
    sweep(at=later(2))
    assert list(findings(stream.channel)) == []
    assert {path: path.read_bytes() for path in expected} == expected


def test_a_pointer_that_moved_in_the_rows_only_is_followed(stream: Stream, stones: Path) -> None:
    bring_in([make_stone(stones)], at=later(1))
    first = Version.objects.order_by("pk")[0]
    Stream.objects.filter(pk=stream.pk).update(version=first)
    assert list(findings(stream.channel)) == [
        "the root index is not what the rows say",
        f"stream volatile leads to {int(AT.timestamp()) + 1} instead of {first}",
    ]
    sweep(at=later(2))
    assert list(findings(stream.channel)) == []


def test_a_tree_in_order_is_not_touched(stream: Stream, public_dir: Path) -> None:
    def snapshot() -> dict[Path, int]:
        return {path: path.lstat().st_mtime_ns for path in public_dir.rglob("*")}

    before = snapshot()
    sweep(at=later(2))
    assert snapshot() == before
    assert not tree.switch(stream.channel)
