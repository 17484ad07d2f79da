"""Builds made twice: by whom, and what comes of equal and of different results."""

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from avalanche.interfaces import Tier
from serpent_infra.accounts.models import User
from serpent_infra.wire.orders import BuildOrder
from serpent_infra.wire.reports import FailureKind
from summit import dispatch, explain, lifecycle, outlook, planning, retrying, second_builds, settling, verification
from summit.models import AttemptRef, BuildTask, Finding, Profile, Repository, Verification
from summit.scheduler import Share
from summit.states import TaskStatus
from tests.factories.summit import AT, make_recipe, make_task, make_user
from tests.fakes.doors import FakeFleet, FakeRepository
from tests.integration.summit.verification.builds import build_first, builders, newest, report, task_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def test_what_two_owners_build_alike_is_published_from_the_first(
    verifying: Profile, fleet: FakeFleet, vessel: FakeRepository, owners: tuple[User, User]
) -> None:
    fleet.add_slots("b1", owner=owners[0].pk)
    first = build_first(fleet)
    assert dispatch.dispatch(at=AT) == 0, "b1 is free, and the only one"
    assert not vessel.imports
    until = "; where none does by 24 November, 12:00 UTC, it fails."
    waits = "It was built by b1; it waits for a builder of another owner"
    assert explain.explain(task_of(), at=AT).text == (
        f"{waits} that can take it, to build it a second time: every slot that works now is of the owner whose builder "
        f"built it{until}"
    )
    assert task_of().pk not in outlook.foresee(at=AT).outlooks
    fleet.add_slots("b9", owner=owners[1].pk, tier=Tier.TEST)
    assert explain.explain(task_of(), at=AT).text == (
        f"{waits} that can take it, to build it a second time: it is an official build, and none of the 1 slots that "
        f"could take it is trusted with those{until}"
    )
    assert dispatch.dispatch(at=AT) == 0, "b9 is not trusted"
    fleet.add_slots("b2", owner=owners[1].pk)
    assert explain.explain(task_of(), at=AT).text == (
        f"{waits} to build it a second time: 0 of 1 that may take it are busy{until}"
    )
    vessel.publish("glibc")  # what is published meanwhile is no part of the order
    assert dispatch.dispatch(at=AT) == 1

    one, other = fleet.orders.values()
    assert fleet.places[other.attempt] == ("b2", 0)
    assert msgspec.structs.replace(other, attempt=one.attempt) == one
    BuildTask.objects.update(estimate_seconds=60)
    now = AT + timedelta(seconds=20)
    assert explain.explain(task_of(), at=now).text == (
        "It was built by b1, and is built a second time by another owner: it is building on b2, slot 0 (attempt 2): "
        "about 40 s."
    )
    assert task_of().pk in outlook.foresee(at=AT).outlooks
    second = report(fleet)
    task = task_of()
    assert task.status == TaskStatus.PUBLISHING
    assert explain.explain(task, at=AT).text.startswith(
        "It is built, and the repository is about to fetch its packages"
    )
    [reference] = vessel.imports
    assert vessel.imports[reference].audience == "b1"
    assert (first.attempt in fleet.released, second.attempt in fleet.released) == (False, True)
    assert (first.is_second, second.is_second, second.number) == (False, True, 2)
    settling.sweep(at=AT)
    assert task_of().status == TaskStatus.PUBLISHING, "the second attempt has no import, and that is no fault"
    vessel.take_in(reference, at=AT)
    settling.settle_import(reference, at=AT)
    assert fleet.released == set(fleet.orders)
    events = [(event.target, event.sentence) for event in task.events.order_by("pk")]
    assert events == [
        ("queued", events[0][1]),
        ("building", "offered to b1, slot 0"),
        ("verifying", "built on b1, to be built a second time by a builder of another owner"),
        ("verifying", "offered to b2, slot 0, to be built a second time"),
        ("publishing", "b2 of bea built the same, bit for bit; ordered to be published"),
        ("completed", "published in version v2"),
    ]
    found = Verification.objects.get()
    assert (found.finding, found.first_place, found.second_place) == (Finding.SAME, "b1 of ada", "b2 of bea")
    assert verifying.verifies_builds


def test_the_first_builder_goes_on_at_once_and_never_builds_its_own_a_second_time(
    verifying: Profile, repository: Repository, fleet: FakeFleet, owners: tuple[User, User]
) -> None:
    make_recipe(repository, "curl")
    planning.plan(verifying, at=AT)
    fleet.add_slots("b1", owner=owners[0].pk)
    fleet.add_slots("b3", owner=owners[0].pk, count=3)
    assert dispatch.dispatch(at=AT) == 2
    report(fleet)
    fleet.end(fleet.order_for("curl").attempt, at=AT)
    settling.settle_attempt(fleet.order_for("curl").attempt, at=AT)
    assert set(BuildTask.objects.values_list("status", flat=True)) == {TaskStatus.VERIFYING}
    assert dispatch.dispatch(at=AT) == 0, "b3 is another builder of the same owner"
    make_recipe(repository, "jq")
    planning.plan(verifying, at=AT)
    assert dispatch.dispatch(at=AT) == 1
    fleet.add_slots("b2", owner=owners[1].pk, count=2)
    assert dispatch.dispatch(at=AT) == 2
    assert {fleet.places[key][0] for key in list(fleet.orders)[-2:]} == {"b2"}


@pytest.mark.parametrize("owner", [0, 7])
def test_the_database_too_keeps_an_owner_from_confirming_what_they_built(
    profile: Profile, repository: Repository, owner: int
) -> None:
    task = make_task(make_recipe(repository, "zlib"), profile, TaskStatus.VERIFYING)
    built = AttemptRef.make(task=task, attempt=uuid4(), builder="b1", slot=0, at=AT)
    found = Verification.begin(built=built, owner=owner, at=AT, patience=timedelta(hours=1))
    with pytest.raises(IntegrityError, match="second_build_by_another"), transaction.atomic():
        found.give(owner=owner)
    found.refresh_from_db()
    found.give(owner=owner + 1)


def test_a_difference_fails_and_names_the_files(
    verifying: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository, owners: tuple[User, User]
) -> None:
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    planning.plan(verifying, at=AT)
    builders(fleet, owners)
    build_first(fleet, artefacts=("a.stone", "manifest.x86_64.bin", "gone.stone"))
    dispatch.dispatch(at=AT)
    report(fleet, artefacts=("a.stone", "manifest.x86_64.bin", "new.stone"), sha256="1" * 64)
    task = task_of()
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, verification.NOT_REPRODUCIBLE)
    assert task.problem == (
        "b2 of bea did not build the same as b1 of ada: a.stone, manifest.x86_64.bin differ; gone.stone is missing; "
        "new.stone was added"
    )
    assert not vessel.imports
    assert fleet.released == set(fleet.orders)
    assert task_of("libpng").status == TaskStatus.BLOCKED
    assert [row.number for row in task.attempts.order_by("number")] == [1, 2]

    lifecycle.retry(task, actor=owners[0], at=AT)
    dispatch.dispatch(at=AT)
    report(fleet)
    assert task_of().status == TaskStatus.VERIFYING, "a retry is built twice as well"


@pytest.mark.usefixtures("verifying")
def test_a_second_build_that_fails_by_the_packagers_fault_is_a_difference(
    fleet: FakeFleet, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    build_first(fleet)
    dispatch.dispatch(at=AT)
    report(fleet, "failed", kind=FailureKind.PHASE, message="build ended with status 2")
    task = task_of()
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, verification.NOT_REPRODUCIBLE)
    assert task.problem == "b1 of ada built it, and b2 of bea could not: build ended with status 2 (phase)"


@pytest.mark.usefixtures("verifying")
def test_a_machine_that_lets_a_second_build_down_is_followed_by_another_a_bounded_number_of_times(
    fleet: FakeFleet, vessel: FakeRepository, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    first = build_first(fleet)
    fleet.add_slots("b3", owner=make_user("cleo").pk)
    at, tried = AT, []
    for number in range(retrying.INFRASTRUCTURE_RETRIES + 1):
        assert task_of().status == TaskStatus.VERIFYING, number
        assert dispatch.dispatch(at=at) == 1
        tried.append(fleet.places[newest(fleet).attempt][0])
        report(fleet, "lost", kind=FailureKind.BUILDER_LOST, message="the builder fell silent.", at=at)
        assert dispatch.dispatch(at=at) == 0, "it rests first"
        if number == 0:
            assert "could not build it a second time (the builder fell silent); another try begins in 10 s." in (
                explain.explain(task_of(), at=at).text
            )
        at += retrying.BACK_OFF_LIMIT
    assert tried[:2] in (["b2", "b3"], ["b3", "b2"])
    assert "b1" not in tried
    task = task_of()
    assert (task.status, task.failure_kind) == (TaskStatus.FAILED, verification.NOT_VERIFIED)
    assert "6 tries came to nothing" in task.problem
    assert first.attempt in fleet.released
    assert not vessel.imports


def test_second_builds_count_against_their_share(
    verifying: Profile, fleet: FakeFleet, owners: tuple[User, User]
) -> None:
    builders(fleet, owners)
    build_first(fleet)
    dispatch.dispatch(at=AT)
    share = task_of().share
    found = second_builds.look(BuildTask.objects.all(), [verifying], [], at=AT)
    assert found.charge({share: Share(running=2), "other": Share()}) == {share: Share(running=3), "other": Share()}


def test_profiles_without_it_ask_nothing_more_of_the_database(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    make_recipe(repository, "zlib")
    planning.plan(profile, at=AT)
    fleet.add_slots("b1")
    with CaptureQueriesContext(connection) as queries:
        dispatch.dispatch(at=AT)
        report(fleet)
    assert task_of().status == TaskStatus.PUBLISHING
    assert not [query["sql"] for query in queries if "summit_verification" in query["sql"]]


def test_a_second_build_that_cannot_be_offered_keeps_the_only_slot_from_nobody(
    verifying: Profile,
    repository: Repository,
    fleet: FakeFleet,
    owners: tuple[User, User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet.add_slots("b1", owner=owners[0].pk)
    build_first(fleet)
    make_recipe(repository, "ed")
    planning.plan(verifying, at=AT)
    BuildTask.objects.filter(source_name="ed").update(is_security=False, priority=-1e6)
    fleet.slots.clear()
    fleet.add_slots("b2", owner=owners[1].pk)
    read = fleet.attempt_order

    def fail(*, attempt: UUID) -> BuildOrder:
        raise ValueError(f"a fault nobody thought of: {attempt}")

    monkeypatch.setattr(fleet, "attempt_order", fail)
    assert dispatch.dispatch(at=AT) == 1
    assert BuildTask.objects.get(status=TaskStatus.BUILDING).source_name == "ed"
    kept = Verification.objects.get()
    assert (kept.is_building, kept.not_before) == (False, AT + dispatch.SET_ASIDE_FOR)
    assert kept.task.status == TaskStatus.VERIFYING
    assert kept.task.events.latest("pk").sentence.startswith("could not be offered to a builder because of a fault")
    fleet.add_slots("b3", owner=owners[1].pk)
    monkeypatch.setattr(fleet, "attempt_order", read)
    assert dispatch.dispatch(at=AT + dispatch.SET_ASIDE_FOR) == 1
