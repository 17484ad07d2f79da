"""An import through the door: ordered, fetched over HTTP, verified, published, reported, acknowledged."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.root_index import pool_path
from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind
from tests.factories.vessel import AT, artefact, later, make_meta, make_order, make_stone, make_stream
from tests.fakes.builder import Builder
from tests.ringing import bells_of
from vessel import intake, interfaces, pool
from vessel.check import findings
from vessel.interfaces import ImportOrder, ImportReport, ImportStatus
from vessel.locks import channel_lock, import_lock
from vessel.models import Channel, Import, Stone

pytestmark = pytest.mark.django_db


def order_from(builder: Builder, *paths: Path, **changes: object) -> ImportOrder:
    fields: dict[str, Any] = {"base_uri": builder.uri}
    return make_order(paths, **(fields | changes))


def run(order: ImportOrder, *, at: datetime = AT) -> ImportReport:
    interfaces.request_import(order=order, reply_to="test.settle", at=at)
    intake.process(reference=order.reference, clock=lambda: at)
    return interfaces.import_report(reference=order.reference)


def test_an_import_is_fetched_verified_and_published(builder: Builder, stones: Path, settings: Settings) -> None:
    interfaces.ensure_stream(channel="main", stream="volatile", architectures=("x86_64",), official=True, at=AT)
    order = order_from(builder, make_stone(stones), make_stone(stones, make_meta("nano-devel", source_id="nano")))
    report = run(order, at=later(1))
    assert report.status is ImportStatus.PUBLISHED, report.problem
    assert not report.is_open
    assert report.version == interfaces.stream_version(channel="main", stream="volatile")
    version, packages = interfaces.published_packages(channel="main", stream="volatile", architecture="x86_64")
    assert version == report.version
    assert [package.name for package in packages] == ["nano", "nano-devel"]
    assert packages[0].provides == {Capability.name("nano"), Capability.parse("binary(nano)")}
    assert packages[0].depends == {Capability.parse("soname(libc.so.6(x86_64))")}
    assert interfaces.index_uri(channel="main", version=version, architecture="x86_64") == (
        f"{settings.SERPENT_REPOSITORY_URL}/main/history/{version}/x86_64/stone.index"
    )
    assert Stone.objects.get(name="nano").provenance == order.provenance
    assert not any((Path(settings.SERPENT_IMPORTS_DIR) / "files").iterdir())
    assert list(findings(Channel.objects.get())) == []


def test_the_asker_settles_once(builder: Builder, stones: Path) -> None:
    make_stream()
    order = order_from(builder, make_stone(stones))
    assert interfaces.unsettled(reply_to="test.settle") == []
    run(order)
    assert interfaces.unsettled(reply_to="test.settle") == [order.reference]
    assert interfaces.unsettled(reply_to="other.task") == []
    interfaces.acknowledge(reference=order.reference, at=later(1))
    interfaces.acknowledge(reference=order.reference, at=later(2))
    assert interfaces.unsettled(reply_to="test.settle") == []


def test_asking_and_ringing_again_changes_nothing(builder: Builder, stones: Path) -> None:
    make_stream()
    order = order_from(builder, make_stone(stones))
    first = run(order, at=later(1))
    assert run(order, at=later(2)) == first
    assert Import.objects.count() == 1
    assert len(builder.requests) == 1


def test_vessel_is_rung_on_request_and_the_asker_at_the_end(
    builder: Builder, stones: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_stream()
    order = order_from(builder, make_stone(stones))
    with django_capture_on_commit_callbacks() as callbacks:
        interfaces.request_import(order=order, reply_to="test.settle", at=AT)
    assert bells_of(callbacks) == [("vessel.import_artefacts", order.reference)]
    with django_capture_on_commit_callbacks() as callbacks:
        intake.process(reference=order.reference, clock=lambda: AT)
    assert bells_of(callbacks) == [("test.settle", order.reference)]


def test_an_unknown_name_is_said_to_be_unknown() -> None:
    make_stream()
    with pytest.raises(interfaces.UnknownStream):
        interfaces.stream_version(channel="main", stream="other")
    with pytest.raises(interfaces.UnknownStream):
        interfaces.published_packages(channel="other", stream="volatile", architecture="x86_64")
    with pytest.raises(interfaces.UnknownImport):
        interfaces.import_report(reference="other")
    with pytest.raises(interfaces.UnknownImport):
        interfaces.acknowledge(reference="other", at=AT)
    intake.process(reference="other", clock=lambda: AT)


def test_an_order_to_an_unknown_stream_is_an_error_of_the_asker(builder: Builder, stones: Path) -> None:
    with pytest.raises(interfaces.UnknownStream):
        run(order_from(builder, make_stone(stones)))
    assert Import.objects.count() == 0


def test_only_packages_are_fetched(builder: Builder, stones: Path) -> None:
    make_stream()
    stone = make_stone(stones)
    manifest = stones / "manifest.x86_64.bin"
    manifest.write_bytes(b"m")
    files = (artefact(stone), msgspec.structs.replace(artefact(manifest), kind=ArtefactKind.BINARY_MANIFEST))
    assert run(order_from(builder, stone, files=files)).status is ImportStatus.PUBLISHED
    assert [path for path, _ in builder.requests] == [f"/artefacts/{stone.name}"]


def info(name: str) -> ArtefactInfo:
    return ArtefactInfo(kind=ArtefactKind.PACKAGE, name=name, size=1, sha256="0" * 64)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "the order names no package"),
        ((info("../../etc/passwd"),), "'../../etc/passwd' is no name for a file"),
        ((info("a.stone"), info("a.stone")), "the order names a file twice"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_before_anything_is_fetched(
    builder: Builder, stones: Path, files: tuple[ArtefactInfo, ...], words: str
) -> None:
    make_stream()
    report = run(order_from(builder, make_stone(stones), files=files))
    assert report.status is ImportStatus.REFUSED
    assert words in report.problem
    assert builder.requests == []
    assert interfaces.unsettled(reply_to="test.settle") == [report.reference]


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"status": 302, "location": "http://127.0.0.1:1/"}, "redirect"),
        ({"announced": 7}, "declared"),
        ({"extra": b"x" * 50}, "serves more than"),
    ],
)
def test_a_builder_that_lies_has_its_import_refused(
    builder: Builder, stones: Path, public_dir: Path, knobs: dict[str, object], words: str
) -> None:
    stream = make_stream()
    stone = make_stone(stones)
    for name, value in knobs.items():
        setattr(builder, name, value)
    report = run(order_from(builder, stone))
    assert report.status is ImportStatus.REFUSED
    assert words in report.problem
    assert stone.name in report.problem
    assert not report.is_infrastructure_problem
    assert report.version == ""
    assert not (public_dir / "main/pool").exists()
    assert list(findings(stream.channel)) == []


def test_a_stone_other_than_ordered_is_refused(builder: Builder, stones: Path, settings: Settings) -> None:
    stream = make_stream()
    ordered, other = make_stone(stones), make_stone(stones, make_meta("nano-evil", source_id="evil"))
    report = run(order_from(builder, ordered, other))
    assert report.status is ImportStatus.REFUSED
    assert report.problem == "nano-evil-8.4-1-1-x86_64.stone: source name is 'evil', 'nano' was ordered"
    assert Stone.objects.count() == 0
    assert not any((Path(settings.SERPENT_IMPORTS_DIR) / "files").iterdir())
    assert list(findings(stream.channel)) == []


def test_a_builder_that_is_away_is_asked_again_after_a_pause(builder: Builder, stones: Path) -> None:
    make_stream()
    order = order_from(builder, make_stone(stones))
    builder.status = 503
    report = run(order, at=AT)
    assert report.status is ImportStatus.REQUESTED
    assert report.is_open
    assert "answers 503" in report.problem
    builder.status = None
    intake.process(reference=order.reference, clock=lambda: later(1))
    assert interfaces.import_report(reference=order.reference).is_open
    intake.process(reference=order.reference, clock=lambda: later(3))
    report = interfaces.import_report(reference=order.reference)
    assert report.status is ImportStatus.PUBLISHED
    assert report.problem == ""


def test_a_builder_that_stays_away_is_an_infrastructure_problem(stones: Path) -> None:
    make_stream()
    order = make_order([make_stone(stones)])
    interfaces.request_import(order=order, reply_to="test.settle", at=AT)
    for number in range(10):
        intake.process(reference=order.reference, clock=lambda number=number: later(number * 1000))  # type: ignore[misc]
    report = interfaces.import_report(reference=order.reference)
    assert report.status is ImportStatus.REFUSED
    assert report.is_infrastructure_problem
    assert "cannot be reached" in report.problem


def test_an_import_left_in_the_middle_is_gone_on_with(builder: Builder, stones: Path) -> None:
    make_stream()
    order = order_from(builder, make_stone(stones))
    interfaces.request_import(order=order, reply_to="test.settle", at=AT)
    Import.objects.get().start(at=AT)
    intake.process(reference=order.reference, clock=lambda: later(1))
    assert interfaces.import_report(reference=order.reference).status is ImportStatus.PUBLISHED


def test_a_file_of_the_pool_that_no_row_claims_gives_way(builder: Builder, stones: Path, public_dir: Path) -> None:
    """A process died between storing a stone and its row, and the import was given up; the next build differs."""
    make_stream()
    order = order_from(builder, make_stone(stones, content=b"the second build"))
    [file] = order.files
    stray = public_dir / "main" / pool_path(make_meta())
    stray.parent.mkdir(parents=True)
    (before := stones / "before").mkdir()
    shutil.copy(make_stone(before, content=b"the first build"), stray)
    assert run(order).status is ImportStatus.PUBLISHED
    assert pool.hash_file(stray) == file.sha256
    assert list(findings(Channel.objects.get())) == []


def test_an_import_in_other_hands_is_left_alone(builder: Builder, stones: Path) -> None:
    make_stream()
    order = order_from(builder, make_stone(stones))
    interfaces.request_import(order=order, reply_to="test.settle", at=AT)
    with import_lock(order.reference):
        intake.process(reference=order.reference, clock=lambda: AT)
    assert interfaces.import_report(reference=order.reference).status is ImportStatus.REQUESTED


def test_our_own_disk_is_an_infrastructure_problem(builder: Builder, stones: Path, public_dir: Path) -> None:
    make_stream()
    (public_dir / "main/pool").write_text("in the way")
    report = run(order_from(builder, make_stone(stones)))
    assert report.is_open
    assert report.problem.startswith("the hub's disk failed: ")


def test_published_packages_cost_a_bounded_number_of_queries(
    builder: Builder, stones: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_stream()
    for number in range(3):
        run(order_from(builder, make_stone(stones, make_meta(f"p{number}"))))
    with django_assert_num_queries(2):
        assert len(interfaces.published_packages(channel="main", stream="volatile", architecture="x86_64")[1]) == 3


def test_a_fault_of_ours_is_tried_again_and_then_said(builder: Builder, stones: Path) -> None:
    make_stream()
    order = order_from(builder, make_stone(stones))
    interfaces.request_import(order=order, reply_to="test.settle", at=AT)
    Import.objects.update(order={"an older hub": "wrote this"})
    for number in range(10):
        assert interfaces.import_report(reference=order.reference).is_open
        intake.process(reference=order.reference, clock=lambda number=number: later(number * 1000))  # type: ignore[misc]
    report = interfaces.import_report(reference=order.reference)
    assert report.status is ImportStatus.REFUSED
    assert report.is_infrastructure_problem
    assert report.problem == "the hub failed: ValidationError (tried 10 times)"


def test_a_stream_that_is_there_is_ensured_without_waiting_for_a_publisher() -> None:
    make_stream()
    with channel_lock("main"):
        make_stream()
