"""What is missing for a profile, and what becomes of a waiting build when a newer commit comes."""

import pytest

from summit import dispatch, lifecycle, planning
from summit.models import BuildTask, Profile, Provider, Recipe, Repository, Submission, TaskEdge, Verdict
from summit.states import IllegalTransition, TaskStatus
from tests.factories.summit import AT, make_profile, make_recipe, make_repository, make_user, release_again
from tests.fakes.doors import FakeFleet, FakeRepository

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def open_task(name: str, **facts: object) -> BuildTask:
    return BuildTask.objects.open().get(source_name=name, **facts)


# What is missing


def test_a_manifest_of_another_architecture_counts_for_no_other_profile(
    profile: Profile, repository: Repository, vessel: FakeRepository
) -> None:
    other = make_profile(profile.project, name="aarch64", architecture="aarch64", stream="arm")
    zlib = make_recipe(repository, "zlib")
    for architecture, name in (("x86_64", "zlib-devel"), ("aarch64", "zlib-neon")):
        Provider.objects.create(recipe=zlib, package=name, kind=0, target=name, architecture=architecture)
    vessel.publish("zlib")
    vessel.publish("zlib-devel", source_name="zlib")
    assert planning.plan(profile, at=AT).lacking == 0
    # The manifest of aarch64 promises another name there, and that of x86_64 nothing.
    assert [task.reason for task in _planned(other)] == ["nothing published is named zlib-neon"]


def test_a_first_recipe_without_a_manifest_is_planned(profile: Profile, repository: Repository) -> None:
    make_recipe(repository, "new", manifest=False)
    assert [task.reason for task in _planned(profile)] == ["initial build"]


def test_a_recipe_with_a_manifest_of_another_architecture_only_is_planned(
    profile: Profile, repository: Repository
) -> None:
    new = make_recipe(repository, "new", manifest=False)
    Provider.objects.create(recipe=new, package="new", kind=0, target="new", architecture="aarch64")
    assert [task.reason for task in _planned(profile)] == ["initial build"]


def _planned(profile: Profile) -> list[BuildTask]:
    planning.plan(profile, at=AT)
    return list(BuildTask.objects.open().filter(profile=profile).order_by("source_name"))


# Superseding


def test_a_newer_commit_replaces_only_the_waiting_build_of_its_recipe_profile_and_repository(
    profile: Profile, repository: Repository
) -> None:
    second = make_profile(profile.project, name="second", stream="second")
    make_recipe(make_repository(profile.project, slug="other"), "nano", path="zlib/stone.yaml")
    zlib = make_recipe(repository, "zlib")
    planning.plan(profile, at=AT)
    planning.plan(second, at=AT)
    release_again(zlib)
    done = planning.plan(profile, at=AT)
    assert (done.created, done.superseded) == (1, 1)
    superseded = BuildTask.objects.get(status=TaskStatus.SUPERSEDED)
    assert (superseded.profile, superseded.recipe) == (profile, zlib)
    assert superseded.superseded_by == open_task("zlib", profile=profile)
    assert open_task("zlib", profile=second).release == 1
    assert open_task("nano", profile=profile).status == TaskStatus.QUEUED


def test_a_newer_commit_takes_the_place_of_a_waiting_task_and_of_what_it_blocked(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    zlib = make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    planning.plan(profile, at=AT)
    old = open_task("zlib")
    release_again(zlib)
    assert planning.plan(profile, at=AT).superseded == 1
    old.refresh_from_db()
    new = open_task("zlib")
    assert (old.status, old.superseded_by) == (TaskStatus.SUPERSEDED, new)
    [edge] = TaskEdge.objects.unmet()
    assert edge.needs == new
    assert fleet.orders == {}


def test_a_failed_commit_is_not_asked_for_again_but_the_next_one_is(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    zlib = make_recipe(repository, "zlib")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    lifecycle.fail(open_task("zlib"), kind="phase", problem="no", at=AT)
    assert planning.plan(profile, at=AT).created == 0
    release_again(zlib)
    assert planning.plan(profile, at=AT).created == 1
    with pytest.raises(IllegalTransition, match="open already"):
        lifecycle.retry(BuildTask.objects.get(status=TaskStatus.FAILED), actor=None, at=AT)


def test_the_successor_is_blocked_by_what_blocked_the_one_before(
    profile: Profile, repository: Repository, vessel: FakeRepository
) -> None:
    vessel.publish("zlib")  # an older build would do, were it not that the new one is wanted
    make_recipe(repository, "zlib", release=2)
    nano = make_recipe(repository, "nano", needs=["zlib"])
    planning.plan(profile, at=AT)
    lifecycle.fail(open_task("zlib"), kind="phase", problem="no", at=AT)
    assert open_task("nano").status == TaskStatus.BLOCKED
    release_again(nano)
    planning.plan(profile, at=AT)
    successor = open_task("nano")
    assert (successor.release, successor.status, successor.block_reason) == (2, TaskStatus.BLOCKED, "failed-need")
    assert "zlib 1.0-2" in successor.problem
    failed = BuildTask.objects.get(source_name="zlib")
    assert TaskEdge.objects.get(task=successor).needs == failed
    lifecycle.retry(failed, actor=make_user(), at=AT)
    assert (open_task("nano").status, open_task("nano").blockers) == (TaskStatus.QUEUED, 1)


def test_a_need_that_the_newer_commit_dropped_is_not_inherited(
    profile: Profile, repository: Repository, vessel: FakeRepository
) -> None:
    vessel.publish("zlib")
    make_recipe(repository, "zlib", release=2)
    nano = make_recipe(repository, "nano", needs=["zlib"])
    planning.plan(profile, at=AT)
    lifecycle.fail(open_task("zlib"), kind="phase", problem="no", at=AT)
    nano.dependencies.all().delete()
    release_again(nano)
    planning.plan(profile, at=AT)
    assert (open_task("nano").status, open_task("nano").blockers) == (TaskStatus.QUEUED, 0)


def test_who_waited_for_the_one_before_waits_for_a_successor_in_review(
    profile: Profile, repository: Repository, vessel: FakeRepository
) -> None:
    vessel.publish("zlib")
    zlib = make_recipe(repository, "zlib", release=2)
    make_recipe(repository, "nano", needs=["zlib"])
    planning.plan(profile, at=AT)
    assert open_task("nano").blockers == 1
    Repository.objects.update(needs_review=True)
    release_again(zlib)
    planning.plan(profile, at=AT)
    assert open_task("zlib").status == TaskStatus.IN_REVIEW
    assert open_task("nano").blockers == 1
    assert TaskEdge.objects.get(task=open_task("nano")).needs == open_task("zlib")


def test_haste_is_inherited(profile: Profile, repository: Repository) -> None:
    zlib = make_recipe(repository, "zlib")
    planning.plan(profile, at=AT)
    BuildTask.objects.update(is_expedited=True)
    release_again(zlib)
    planning.plan(profile, at=AT)
    assert open_task("zlib").is_expedited
    assert open_task("zlib").events.filter(actor=None, sentence__startswith="first, as the build was").exists()


# What is built is what was approved


def test_what_is_built_is_the_commit_that_was_approved(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    Repository.objects.update(needs_review=True)
    zlib = make_recipe(repository, "zlib")
    approved = zlib.commit
    planning.plan(profile, at=AT)
    submission = Submission.objects.get()
    assert submission.commit == approved
    lifecycle.review(submission, reviewer=make_user(), verdict=Verdict.APPROVE, at=AT)
    # The branch moves on before a slot is free, and nobody has planned it yet.
    release_again(zlib)
    Repository.objects.update(commit=zlib.commit)
    fleet.add_slots()
    dispatch.dispatch(at=AT)
    order = fleet.order_for("zlib")
    assert (order.source.commit, order.release) == (approved, 1)
    # What is being built is not replaced, and a retry builds the same again.
    planning.plan(profile, at=AT)
    task = BuildTask.objects.get(status=TaskStatus.BUILDING)
    lifecycle.fail(task, kind="phase", problem="no", at=AT)
    lifecycle.retry(task, actor=make_user("bob"), at=AT)
    fleet.add_slots("b2")
    dispatch.dispatch(at=AT)
    assert {one.source.commit for one in fleet.orders.values()} == {approved}
    assert Recipe.objects.get().commit != approved
