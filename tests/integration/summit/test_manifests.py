"""What a manifest in git has to say when its recipe is built: which orders hold a build to it, and what is shown."""

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from avalanche import leases, reporting
from avalanche.models import Attempt
from serpent_infra.wire.reports import BuiltManifest, Failure, FailureKind, Outcome
from summit import dispatch, planning, publishing, settling
from summit.models import BuildTask, Profile, Repository
from summit.states import TaskStatus
from tests.factories.avalanche import make_builder, make_report
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository

pytestmark = pytest.mark.django_db

BINARY, READABLE = "manifest.x86_64.bin", "manifest.x86_64.jsonc"


@pytest.fixture
def profile(settings: Settings, tmp_path: Path) -> Profile:
    settings.SERPENT_PUBLIC_DIR = tmp_path / "public"
    settings.SERPENT_IMPORTS_DIR = tmp_path / "imports"
    publishing.forget()
    profile = make_profile(make_project())
    make_recipe(make_repository(profile.project), "zlib")
    return profile


def ordered(profile: Profile, **facts: object) -> Attempt:
    """Plans, changes the task as asked, and has a builder claim the attempt at it."""
    planning.plan(profile, at=AT)
    BuildTask.objects.update(**facts) if facts else None
    make_builder(slots=1)
    assert dispatch.dispatch(at=AT) == 1
    attempt = Attempt.objects.get()
    leases.claim(attempt, slot=0, at=AT)
    attempt.refresh_from_db()
    return attempt


def test_the_first_official_build_of_a_release_is_held_to_its_manifest(profile: Profile) -> None:
    assert ordered(profile).order.verify_manifest is True


def test_a_rebuild_is_not(profile: Profile) -> None:
    assert ordered(profile, build_release=2).order.verify_manifest is False


def test_a_test_build_is_not(profile: Profile) -> None:
    Profile.objects.update(purpose="test")
    profile.refresh_from_db()
    assert ordered(profile).order.verify_manifest is False


def test_a_build_of_a_profile_that_does_not_want_it_is_not(profile: Profile) -> None:
    Profile.objects.update(verifies_manifests=False)
    profile.refresh_from_db()
    assert ordered(profile).order.verify_manifest is False


@pytest.fixture
def broken(profile: Profile) -> BuildTask:
    """A build that did not keep its promise."""
    attempt = ordered(profile)
    failure = Failure(
        kind=FailureKind.MANIFEST_MISMATCH,
        message="The build is not what the recipe's manifest.x86_64.bin promises: 1 package fewer",
        phase="packaging",
        excerpt="- package <b>zlib-devel</b>",
    )
    files = (BuiltManifest(name=BINARY, data=b"\0mos\xff"), BuiltManifest(name=READABLE, data=b"{}\n"))
    reporting.accept(attempt, make_report(attempt, Outcome.FAILED, failure=failure, manifests=files), at=AT)
    settling.sweep(at=AT)
    return BuildTask.objects.get()


def test_a_broken_promise_is_the_packagers_and_final(broken: BuildTask) -> None:
    assert (broken.status, broken.failure_kind) == (TaskStatus.FAILED, "manifest-mismatch")
    assert dispatch.dispatch(at=AT) == 0


def test_its_page_lists_what_differs_and_gives_the_manifests_that_were_built(broken: BuildTask, client: Client) -> None:
    html = client.get(f"/builds/{broken.pk}/").content.decode()
    assert "It is not what its manifest promises" in html
    assert "- package &lt;b&gt;zlib-devel&lt;/b&gt;" in html
    assert "Manifests as built" in html
    assert f'href="/builds/{broken.pk}/attempts/1/{BINARY}"' in html
    response = client.get(f"/builds/{broken.pk}/attempts/1/{BINARY}")
    assert (response.status_code, response.content) == (200, b"\0mos\xff")
    assert response["Content-Disposition"] == f'attachment; filename="{BINARY}"'
    assert response["X-Content-Type-Options"] == "nosniff"
    attempts = client.get(f"/api/v1/builds/{broken.pk}/").json()["attempts"]
    assert attempts[0]["manifests"] == {name: f"/builds/{broken.pk}/attempts/1/{name}" for name in (BINARY, READABLE)}


@pytest.mark.parametrize("place", ["1/stone.yaml", "2/manifest.x86_64.bin", "1/manifest.aarch64.bin"])
def test_what_it_did_not_make_is_not_there(broken: BuildTask, client: Client, place: str) -> None:
    assert client.get(f"/builds/{broken.pk}/attempts/{place}").status_code == 404


def test_strangers_read_no_manifest_of_a_private_repository(broken: BuildTask, client: Client) -> None:
    Repository.objects.update(is_private=True)
    assert client.get(f"/builds/{broken.pk}/attempts/1/{BINARY}").status_code == 404
