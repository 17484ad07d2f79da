"""From a recipe that a stream lacks to the published package: planning, ordering, dispatch and settling together."""

from datetime import timedelta

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from serpent_infra.wire.reports import FailureKind
from summit import dispatch, doorbell, lifecycle, planning, retrying, settling
from summit.models import AttemptRef, BuildTask, Profile, Repository, TaskEdge
from summit.needs import EdgeKind
from summit.states import IllegalTransition, TaskStatus
from tests.factories.summit import AT, make_recipe, make_user, release_again
from tests.fakes.doors import FakeFleet, FakeRepository

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def task_of(name: str) -> BuildTask:
    return BuildTask.objects.filter(source_name=name).latest("pk")


def statuses() -> dict[str, str]:
    return dict(BuildTask.objects.order_by("pk").values_list("source_name", "status"))


def build(fleet: FakeFleet, vessel: FakeRepository, name: str, *provides: str) -> None:
    """Takes a building task through its report and its import."""
    order = fleet.order_for(name)
    fleet.end(order.attempt, at=AT)
    assert settling.settle_attempt(order.attempt, at=AT)
    reference = AttemptRef.objects.get(attempt=order.attempt).import_reference
    vessel.take_in(reference, *provides, at=AT)
    assert settling.settle_import(reference, at=AT)


def test_a_dependency_is_built_and_published_before_its_dependant(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    fleet.add_slots(count=2)

    assert planning.plan(profile, at=AT) == planning.Plan(lacking=2, created=2, in_review=0, superseded=0)
    assert dispatch.dispatch(at=AT) == 1
    order = fleet.order_for("zlib")
    assert (order.version, order.release, order.build_release) == ("1.0", 1, 1)
    assert order.source.commit == task_of("zlib").commit
    assert order.source_date_epoch == int(AT.timestamp())
    assert [remote.index_uri for remote in order.remotes] == [
        "http://repository.example/main/history/v0/x86_64/stone.index"
    ]
    assert task_of("libpng").blockers == 1

    build(fleet, vessel, "zlib", "pkgconfig(zlib)")
    assert statuses() == {"zlib": "completed", "libpng": "queued"}
    assert task_of("zlib").published_version == "v1"
    assert dispatch.dispatch(at=AT) == 1
    assert fleet.order_for("libpng").remotes[0].index_uri.endswith("/v1/x86_64/stone.index")
    build(fleet, vessel, "libpng")
    assert set(statuses().values()) == {"completed"}
    assert fleet.released == set(fleet.orders)
    assert planning.plan(profile, at=AT).created == 0


def test_the_end_of_a_build_rings_for_a_dispatch_where_others_waited_for_it(
    profile: Profile,
    repository: Repository,
    fleet: FakeFleet,
    vessel: FakeRepository,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    fleet.add_slots(count=2)
    planning.plan(profile, at=AT)
    for name, expected in {"zlib": [doorbell.DISPATCH], "libpng": []}.items():
        dispatch.dispatch(at=AT)
        with django_capture_on_commit_callbacks() as callbacks:
            build(fleet, vessel, name, f"pkgconfig({name})")
        # on_commit was given a partial
        assert [callback.args[0] for callback in callbacks] == expected  # type: ignore[attr-defined]


def test_what_is_asked_for_twice_happens_once(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "zlib")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    order = fleet.order_for("zlib")
    assert not settling.settle_attempt(order.attempt, at=AT), "it still runs"
    fleet.end(order.attempt, at=AT)
    for _ in range(3):
        settling.settle_attempt(order.attempt, at=AT)
    [reference] = vessel.imports
    assert not settling.settle_import(reference, at=AT), "it is still being imported"
    vessel.take_in(reference, at=AT)
    for _ in range(3):
        settling.settle_import(reference, at=AT)
    task = task_of("zlib")
    assert [event.target for event in task.events.order_by("pk")] == ["queued", "building", "publishing", "completed"]


def test_a_packagers_failure_blocks_what_needs_it_and_a_retry_frees_it(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", provides=["pkgconfig(libpng)"], needs=["pkgconfig(zlib)"])
    make_recipe(repository, "viewer", needs=["pkgconfig(libpng)"])
    fleet.add_slots(count=3)
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    order = fleet.order_for("zlib")
    fleet.end(order.attempt, "failed", kind=FailureKind.PHASE, message="build ended with status 2", at=AT)
    settling.settle_attempt(order.attempt, at=AT)

    assert statuses() == {"zlib": "failed", "libpng": "blocked", "viewer": "blocked"}
    assert task_of("zlib").failure_kind == "phase"
    assert task_of("libpng").problem == "needs zlib 1.0-1 for pkgconfig(zlib), which failed"
    assert task_of("viewer").problem == "needs libpng for pkgconfig(libpng), which is blocked since zlib 1.0-1 failed"
    planning.plan(profile, at=AT)
    assert statuses() == {"zlib": "failed", "libpng": "blocked", "viewer": "blocked"}, "planning does not forget"

    lifecycle.retry(task_of("zlib"), actor=make_user(), at=AT)
    assert statuses() == dict.fromkeys(["zlib", "libpng", "viewer"], "queued")
    assert dispatch.dispatch(at=AT) == 1
    assert fleet.order_for("zlib").source.commit == order.source.commit, "what is built is what was asked for"
    assert [row.number for row in task_of("zlib").attempts.order_by("number")] == [1, 2]
    build(fleet, vessel, "zlib", "pkgconfig(zlib)")
    dispatch.dispatch(at=AT)
    assert task_of("libpng").status == TaskStatus.BUILDING


def test_an_infrastructure_failure_is_tried_again_on_another_builder_with_a_pause(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    make_recipe(repository, "zlib")
    fleet.add_slots("b1")
    fleet.add_slots("b2")
    planning.plan(profile, at=AT)
    at = AT
    builders = []
    for _ in range(retrying.INFRASTRUCTURE_RETRIES + 1):
        assert dispatch.dispatch(at=at) == 1
        order = fleet.order_for("zlib")
        builders.append(fleet.attempts[order.attempt].builder)
        fleet.end(order.attempt, "lost", kind=FailureKind.BUILDER_LOST, message="the builder fell silent", at=at)
        settling.settle_attempt(order.attempt, at=at)
        assert dispatch.dispatch(at=at) == 0, "it rests first"
        at += timedelta(hours=1)
    assert builders[:2] == ["b1", "b2"]
    task = task_of("zlib")
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, "builder-lost")


def test_a_refused_import_fails_the_task_by_name(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "zlib")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    fleet.end(fleet.order_for("zlib").attempt, at=AT)
    settling.sweep(at=AT)
    [reference] = vessel.imports
    vessel.refuse(reference, "zlib.stone says it is openssl", at=AT)
    settling.sweep(at=AT)
    task = task_of("zlib")
    assert (task.status, task.failure_kind, task.problem) == ("failed", "refused", "zlib.stone says it is openssl")


def test_an_import_that_the_machines_spoilt_is_built_again(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "zlib")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    fleet.end(fleet.order_for("zlib").attempt, at=AT)
    settling.sweep(at=AT)
    [reference] = vessel.imports
    vessel.refuse(reference, "the builder vanished", is_infrastructure=True, at=AT)
    settling.sweep(at=AT)
    assert task_of("zlib").status == TaskStatus.QUEUED
    assert dispatch.dispatch(at=AT + timedelta(minutes=1)) == 1


def test_the_result_of_a_cancelled_build_is_never_published(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_recipe(repository, "zlib")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    order = fleet.order_for("zlib")
    # The builder has reported success in the very moment of the cancellation.
    monkeypatch.setattr(fleet, "cancel", lambda **_: None)
    lifecycle.cancel(task_of("zlib"), actor=make_user(), at=AT)
    fleet.end(order.attempt, at=AT)
    settling.settle_attempt(order.attempt, at=AT)
    assert task_of("zlib").status == TaskStatus.CANCELLED
    assert not vessel.imports
    assert order.attempt in fleet.released


def test_cancelling_is_too_late_once_packages_are_being_published(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    make_recipe(repository, "zlib")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    fleet.end(fleet.order_for("zlib").attempt, at=AT)
    settling.sweep(at=AT)
    with pytest.raises(IllegalTransition, match="publishing"):
        lifecycle.cancel(task_of("zlib"), actor=None, at=AT)


def test_a_slot_taken_meanwhile_leaves_the_task_in_the_queue(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    make_recipe(repository, "zlib")
    fleet.add_slots()
    fleet.taken.add(("b1", 0))
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 0
    assert task_of("zlib").status == TaskStatus.QUEUED
    assert not AttemptRef.objects.exists()


def test_a_newer_commit_waits_for_the_running_build_of_the_older(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    zlib = make_recipe(repository, "zlib")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    release_again(zlib)
    assert planning.plan(profile, at=AT).created == 0
    build(fleet, vessel, "zlib")
    assert Profile.objects.plan_overdue().exists(), "the end of the older asks for a plan"
    assert planning.plan(profile, at=AT).created == 1
    assert task_of("zlib").reason == "update from 1.0-1"


def test_a_missing_dependency_blocks_before_it_takes_a_slot_until_something_provides_it(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    fleet.add_slots()
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 0
    task = task_of("libpng")
    assert task.status == TaskStatus.BLOCKED
    assert task.problem == ("needs pkgconfig(zlib), which no recipe, nothing published and not the base image provides")
    vessel.publish("zlib", 1, "pkgconfig(zlib)")
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 1


def test_the_base_image_satisfies_what_it_lists(profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    Profile.objects.update(base_provides=["binary(cc)", "not(a capability)"])
    profile.refresh_from_db()
    make_recipe(repository, "hello", needs=["binary(cc)"])
    fleet.add_slots()
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 1


def test_a_recipe_without_a_manifest_is_waited_for_by_its_name_and_looked_at_again_once_it_is_built(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "libgreet", manifest=False)
    make_recipe(repository, "hello", manifest=False, needs=["pkgconfig(greet)"])
    make_recipe(repository, "odd", manifest=False, needs=["binary(greeter-tool)"])
    fleet.add_slots(count=3)
    planning.plan(profile, at=AT)
    assert statuses() == {"libgreet": "queued", "hello": "queued", "odd": "blocked"}
    assert dispatch.dispatch(at=AT) == 1
    build(fleet, vessel, "libgreet", "pkgconfig(greet)", "binary(greeter-tool)")
    assert Profile.objects.plan_overdue().exists()
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 2
    assert statuses() == {"libgreet": "completed", "hello": "building", "odd": "building"}


def test_whoever_waited_for_a_recipe_by_its_name_is_blocked_when_its_packages_let_it_down(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "libgreet", manifest=False)
    make_recipe(repository, "hello", manifest=False, needs=["pkgconfig(greet)"])
    fleet.add_slots(count=2)
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 1
    build(fleet, vessel, "libgreet", "pkgconfig(other)")
    assert dispatch.dispatch(at=AT) == 0, "what it needs is nowhere: no slot is taken in vain"
    assert (task_of("hello").status, task_of("hello").blockers) == ("queued", 1)
    assert Profile.objects.plan_overdue().exists()
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 0
    assert task_of("hello").problem.startswith("needs pkgconfig(greet), which no recipe, nothing published")


def test_the_end_of_a_build_asks_for_a_new_order_only_where_it_may_free_what_is_blocked(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    for name in ("ed", "zlib-ng"):
        make_recipe(repository, name)
    fleet.add_slots(count=2)
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 2
    build(fleet, vessel, "ed", "binary(ed)")
    assert not Profile.objects.plan_overdue().exists()
    build(fleet, vessel, "zlib-ng", "pkgconfig(zlib)")
    assert Profile.objects.plan_overdue().exists()


def test_a_cycle_with_published_members_is_staged_and_says_what_is_used(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    vessel.publish("flex", 1, "binary(flex)")
    vessel.publish("file", 1, "binary(file)")
    make_recipe(repository, "flex", release=2, provides=["binary(flex)"], needs=["binary(file)"])
    make_recipe(repository, "file", release=2, provides=["binary(file)"], needs=["binary(flex)"])
    fleet.add_slots(count=2)
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 2
    edges = TaskEdge.objects.order_by("task__source_name")
    assert [(edge.kind, edge.published) for edge in edges] == [
        (EdgeKind.STAGED, "flex 1.0-1"),
        (EdgeKind.STAGED, "file 1.0-1"),
    ]


def test_a_cycle_that_nothing_published_breaks_names_its_members_and_blocks_those_who_need_them(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    make_recipe(repository, "flex", provides=["binary(flex)"], needs=["binary(file)"])
    make_recipe(repository, "file", provides=["binary(file)"], needs=["binary(flex)"])
    make_recipe(repository, "bison", needs=["binary(flex)"])
    fleet.add_slots(count=2)
    planning.plan(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 0
    assert task_of("flex").problem == "is in a cycle that nothing published breaks: file, flex need each other"
    assert task_of("bison").problem == "needs flex 1.0-1 for binary(flex), which is blocked"


def test_a_removed_recipe_is_no_longer_wanted(profile: Profile, repository: Repository) -> None:
    recipe = make_recipe(repository, "zlib")
    planning.plan(profile, at=AT)
    recipe.remove(at=AT)
    planning.plan(profile, at=AT)
    assert task_of("zlib").status == TaskStatus.SUPERSEDED


def test_a_paused_profile_gets_no_slot(profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    make_recipe(repository, "zlib")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    Profile.objects.update(is_paused=True)
    assert dispatch.dispatch(at=AT) == 0


def test_a_sweep_puts_back_what_no_builder_and_no_import_knows_of(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "zlib")
    fleet.add_slots()
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    fleet.attempts.clear()
    assert settling.sweep(at=AT) == 1
    assert task_of("zlib").status == TaskStatus.QUEUED
    dispatch.dispatch(at=AT + timedelta(minutes=1))
    fleet.end(fleet.order_for("zlib").attempt, at=AT)
    settling.sweep(at=AT)
    vessel.reports.clear()
    assert settling.sweep(at=AT) == 1
    assert task_of("zlib").status == TaskStatus.QUEUED
