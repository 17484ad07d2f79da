"""Second builds with the real avalanche and the real vessel: two owners, equal and different results."""

from pathlib import Path

import pytest
from pytest_django import Settings

from avalanche import leases, reporting
from avalanche.models import Attempt, Builder
from serpent_infra.wire.orders import BuildOrder
from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind
from summit import dispatch, lifecycle, planning, publishing, settling
from summit.models import AttemptRef, BuildTask, Verification, VerificationPolicy
from summit.states import TaskStatus
from tests.factories.avalanche import make_builder, make_report
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository, make_user
from vessel.models import Import

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _planned(settings: Settings, tmp_path: Path) -> None:
    settings.SERPENT_PUBLIC_DIR = tmp_path / "public"
    settings.SERPENT_IMPORTS_DIR = tmp_path / "imports"
    publishing.forget()
    project = make_project()
    profile = make_profile(project, verification=VerificationPolicy.EVERY_BUILD)
    make_recipe(make_repository(project), "zlib")
    planning.plan(profile, at=AT)
    make_builder("kiln", slots=1)
    Builder.objects.update(owner=make_user("ada"))


def build(content: str = "a") -> BuildOrder:
    """Claims the attempt that is offered and reports it with two files."""
    reference = AttemptRef.objects.unsettled().get()
    attempt = Attempt.objects.with_parts().get(pk=reference.attempt)
    order = leases.claim(attempt, slot=reference.slot, at=AT).order
    files = tuple(
        ArtefactInfo(kind=kind, name=name, size=1, sha256=content * 64)
        for kind, name in ((ArtefactKind.PACKAGE, "zlib.stone"), (ArtefactKind.BINARY_MANIFEST, "manifest.x86_64.bin"))
    )
    attempt = Attempt.objects.with_parts().get(pk=attempt.pk)
    reporting.accept(attempt, make_report(attempt, artefacts=files), at=AT)
    settling.settle_attempt(attempt.pk, at=AT)
    return order


def kept() -> set[str]:
    """Names the builders that may not drop what they built."""
    return set(Attempt.objects.filter(status="succeeded", released_at=None).values_list("builder__name", flat=True))


def test_the_same_order_goes_to_another_owners_builder_and_the_first_ones_artefacts_are_imported() -> None:
    assert dispatch.dispatch(at=AT) == 1
    first = build()
    assert dispatch.dispatch(at=AT) == 0
    make_builder("oven", slots=1)
    Builder.objects.filter(name="oven").update(owner=Builder.objects.get(name="kiln").owner)
    assert dispatch.dispatch(at=AT) == 0, "an owner's other builder is none"
    Builder.objects.filter(name="oven").update(owner=None)
    assert dispatch.dispatch(at=AT) == 1
    second = build()
    assert second.remotes == first.remotes
    assert (second.source, second.build_release) == (first.source, first.build_release)
    assert BuildTask.objects.get().status == TaskStatus.PUBLISHING
    ordered = Import.objects.get()
    assert AttemptRef.objects.get(import_reference=ordered.reference).builder == "kiln"
    assert kept() == {"kiln"}
    settling.sweep(at=AT)
    assert BuildTask.objects.get().status == TaskStatus.PUBLISHING
    found = Verification.objects.get()
    assert (found.first_place, found.second_place) == ("kiln of ada", "oven")


def test_a_different_result_fails_the_build_and_frees_both() -> None:
    dispatch.dispatch(at=AT)
    build()
    make_builder("oven", slots=1)
    dispatch.dispatch(at=AT)
    assert kept() == {"kiln"}
    build("b")
    task = BuildTask.objects.get()
    assert task.status == TaskStatus.FAILED
    assert task.problem == "oven did not build the same as kiln of ada: manifest.x86_64.bin, zlib.stone differ"
    assert kept() == set()
    assert not Import.objects.exists()


def test_cancelling_ends_the_second_attempt_too() -> None:
    dispatch.dispatch(at=AT)
    build()
    make_builder("oven", slots=1)
    dispatch.dispatch(at=AT)
    lifecycle.cancel(BuildTask.objects.get(), actor=None, at=AT)
    settling.sweep(at=AT)
    assert not Attempt.objects.open().exists()
    assert not AttemptRef.objects.unsettled().exists()
    assert kept() == set()
    assert not Verification.objects.open().exists()
