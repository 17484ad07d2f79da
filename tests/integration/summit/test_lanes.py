"""What the dispatch reads of a long queue, and whom it serves: shares, security, room, and builders to be avoided."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from avalanche.interfaces import Tier
from serpent_infra.wire.reports import FailureKind
from summit import allotment, dispatch, founding, ordering, planning, publishing, settling
from summit.models import AttemptRef, BuildTask, Profile, Repository, Requirement, Share, Submission, TaskEdge
from summit.states import TaskStatus
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository, make_task, make_user
from tests.fakes.doors import FakeFleet

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile(doors: None) -> Profile:
    return published(make_profile(make_project()))


@pytest.fixture
def repository(profile: Profile) -> Repository:
    return make_repository(profile.project)


def published(profile: Profile) -> Profile:
    publishing.ensure_streams(profile, at=AT)
    return profile


def queue(
    profile: Profile, repository: Repository, count: int, *, prefix: str = "mass", **facts: object
) -> list[BuildTask]:
    """Makes ready tasks of one share, that of the prefix's name unless given."""
    values: dict[str, object] = {"priority": 1000.0, "queued_at": AT, "share": prefix} | facts
    recipes = [make_recipe(repository, f"{prefix}-{profile.name}-{number}") for number in range(count)]
    return [make_task(recipe, profile, TaskStatus.QUEUED, **values) for recipe in recipes]


def begun() -> set[str]:
    return {order.source_name for order in BuildTask.objects.filter(status=TaskStatus.BUILDING)}


def test_the_queries_of_a_round_do_not_grow_with_the_queue(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1")
    counts = []
    for size in (5, 60):
        queue(profile, repository, size, prefix=f"mass{size}", share="mass")
        with CaptureQueriesContext(connection) as captured:
            assert dispatch.dispatch(at=AT) == 1
        counts.append(len(captured))
        for attempt in fleet.orders:
            fleet.end(attempt, "cancelled", at=AT)
    assert counts[0] == counts[1]


def test_a_single_build_of_another_share_goes_before_a_mass_of_the_first(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1", 2)
    queue(profile, repository, 30)
    assert dispatch.dispatch(at=AT) == 2
    [single] = queue(profile, repository, 1, prefix="other", priority=1.0)
    fleet.add_slots("b2")
    assert dispatch.dispatch(at=AT) == 1
    single.refresh_from_db()
    assert single.status == TaskStatus.BUILDING


def test_weights_of_shares_are_data(profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    Share.objects.create(key="heavy", weight=3.0)
    queue(profile, repository, 10, prefix="heavy", priority=1.0)
    queue(profile, repository, 10, prefix="light", priority=9.0)
    fleet.add_slots("b1", 8)
    assert dispatch.dispatch(at=AT) == 8
    assert BuildTask.objects.filter(status=TaskStatus.BUILDING, share="heavy").count() == 6


def test_who_got_less_lately_goes_first_where_neither_holds_a_slot(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1")
    queue(profile, repository, 3, prefix="a", priority=9.0)
    queue(profile, repository, 3, prefix="b", priority=1.0)
    served = []
    for minute in range(4):
        at = AT + timedelta(minutes=minute)
        dispatch.dispatch(at=at)
        task = BuildTask.objects.get(status=TaskStatus.BUILDING)
        served.append(task.share)
        attempt = task.attempts.get()
        fleet.end(attempt.attempt, "failed", at=at + timedelta(minutes=1), kind=FailureKind.PHASE)
        settling.settle_attempt(attempt.attempt, at=at + timedelta(minutes=1))
    assert served == ["a", "b", "a", "b"]


def test_a_backlog_for_one_architecture_does_not_hide_a_build_for_another(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    arm = published(make_profile(profile.project, name="aarch64", architecture="aarch64", channel="arm"))
    queue(arm, repository, 40, priority=1e6)
    [one] = queue(profile, repository, 1, prefix="one", priority=1.0)
    fleet.add_slots("b1")
    assert dispatch.dispatch(at=AT) == 1
    one.refresh_from_db()
    assert one.status == TaskStatus.BUILDING


def test_builds_too_big_for_any_free_slot_do_not_hide_a_small_one(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    queue(profile, repository, 30, prefix="huge", share="s", memory_bytes=64 * 2**30)
    queue(profile, repository, 30, prefix="vast", share="s", disk_bytes=10**15)
    queue(profile, repository, 1, prefix="small", share="s", priority=1.0, memory_bytes=2**30)
    fleet.add_slots("b1", memory_limit=16 * 2**30)
    assert dispatch.dispatch(at=AT) == 1
    assert begun() == {"small-x86_64-0"}


def test_expedited_builds_too_big_for_any_free_slot_do_not_hide_a_small_one(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    queue(profile, repository, 12, prefix="huge", is_expedited=True, memory_bytes=2**40)
    queue(profile, repository, 12, prefix="plain")
    queue(profile, repository, 1, prefix="small", share="plain", priority=1.0, is_expedited=True)
    fleet.add_slots("b1", memory_limit=2**30)
    assert dispatch.dispatch(at=AT) == 1
    assert begun() == {"small-x86_64-0"}


def test_builds_that_fit_no_one_slot_do_not_hide_a_small_one(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1", memory_limit=16 * 2**30, disk_free=10**9)
    fleet.add_slots("b2", memory_limit=2**30, disk_free=10**12)
    queue(profile, repository, 30, prefix="huge", share="s", memory_bytes=8 * 2**30, disk_bytes=10**10)
    queue(profile, repository, 1, prefix="wide", share="s", priority=1.0, disk_bytes=10**10)
    queue(profile, repository, 1, prefix="deep", share="s", priority=1.0, memory_bytes=8 * 2**30)
    assert dispatch.dispatch(at=AT) == 2
    assert begun() == {"wide-x86_64-0", "deep-x86_64-0"}


@pytest.mark.parametrize("facts", [{"not_before": AT + timedelta(hours=1)}, {"memory_bytes": 2**40}])
def test_shares_of_which_nothing_can_go_do_not_hide_another(
    profile: Profile, repository: Repository, fleet: FakeFleet, facts: dict[str, object]
) -> None:
    fleet.add_slots("b1", memory_limit=2**30)
    for number in range(12):
        queue(profile, repository, 1, prefix=f"a{number}", **facts)
    queue(profile, repository, 1, prefix="z")
    assert dispatch.dispatch(at=AT) == 1
    assert begun() == {"z-x86_64-0"}


def test_builds_that_crashed_the_free_builder_do_not_hide_one_that_did_not(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1", 20)
    queue(profile, repository, 20, prefix="crash", share="s", priority=1e6)
    assert dispatch.dispatch(at=AT) == 20
    for attempt in list(fleet.orders):
        fleet.end(attempt, "lost", at=AT, kind=FailureKind.BUILDER_LOST)
        settling.settle_attempt(attempt, at=AT)
    for index in range(1, 20):
        del fleet.slots["b1", index]
    fleet.add_slots("b2")
    queue(profile, repository, 1, prefix="well", share="s", priority=1.0)
    assert dispatch.dispatch(at=AT + timedelta(hours=1)) == 2
    held = dict(AttemptRef.objects.filter(settled_at=None).values_list("builder", "task__source_name"))
    assert held["b1"] == "well-x86_64-0"
    assert held["b2"].startswith("crash")


def test_what_waited_longest_is_read_although_many_are_more_urgent(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    queue(profile, repository, 40, share="s")
    queue(profile, repository, 1, prefix="old", share="s", priority=1.0, queued_at=AT - timedelta(days=1))
    fleet.add_slots("b1")
    assert dispatch.dispatch(at=AT) == 1
    assert begun() == {"old-x86_64-0"}


def test_security_builds_go_first_while_they_hold_less_than_the_reserve(
    profile: Profile, repository: Repository, fleet: FakeFleet, settings: Settings
) -> None:
    settings.SERPENT_SECURITY_RESERVE = 0.5
    fleet.add_slots("b1", 4)
    queue(profile, repository, 20, priority=1e6)
    queue(profile, repository, 4, prefix="cve", share="mass", priority=1.0, is_security=True)
    assert dispatch.dispatch(at=AT) == 4
    assert BuildTask.objects.filter(status=TaskStatus.BUILDING, is_security=True).count() >= 2


def test_a_recipe_that_crashed_a_builder_is_not_sent_straight_back_even_as_another_build(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("b1")
    [first] = queue(profile, repository, 1)
    dispatch.dispatch(at=AT)
    attempt = first.attempts.get().attempt
    fleet.end(attempt, "lost", at=AT, kind=FailureKind.BUILDER_LOST)
    settling.settle_attempt(attempt, at=AT)
    first.refresh_from_db()
    fleet.add_slots("b2")
    busy = queue(profile, repository, 1, prefix="busy", priority=1e9)[0]
    later = AT + timedelta(hours=1)
    assert dispatch.dispatch(at=later) == 2
    assert AttemptRef.objects.get(task=first, settled_at=None).builder == "b2"
    assert AttemptRef.objects.get(task=busy).builder == "b1"


def test_nothing_of_a_paused_profile_goes(profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    queue(profile, repository, 2)
    fleet.add_slots("b1")
    Profile.objects.update(is_paused=True)
    assert dispatch.dispatch(at=AT) == 0


def test_an_official_build_is_not_read_for_a_slot_for_tests(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    queue(profile, repository, 2)
    fleet.add_slots("b1", tier=Tier.TEST)
    assert dispatch.dispatch(at=AT) == 0


# Whose a new task is


def test_a_build_is_its_authors_groups_and_a_group_without_a_right_does_not_count(
    profile: Profile, repository: Repository
) -> None:
    ada = make_user()
    founding.grant(repository, group="plasma", rights=["push_build"])
    founding.grant(repository, group="desktop", rights=["push_build"])
    ada.groups.add(*Group.objects.all(), Group.objects.create(name="artists"))
    make_recipe(repository, "kwin")
    planning.plan(profile, at=AT)
    assert BuildTask.objects.get().share == "group:desktop"


def test_without_such_a_group_it_is_the_persons_and_without_a_known_author_the_repositorys(
    profile: Profile, repository: Repository
) -> None:
    make_user()
    make_recipe(repository, "kwin")
    make_recipe(repository, "acl", author_email="stranger@example.org")
    planning.plan(profile, at=AT)
    assert dict(BuildTask.objects.values_list("source_name", "share")) == {
        "kwin": "person:ada",
        "acl": "repository:main/recipes",
    }


def test_shares_of_many_tasks_take_as_many_queries_as_those_of_one(
    profile: Profile, repository: Repository, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    founding.grant(repository, group="plasma", rights=["push_build"])
    make_user().groups.add(Group.objects.get())
    tasks = queue(profile, repository, 20)
    author = make_user("bob")
    Submission.objects.update(author=author)
    tasks = list(BuildTask.objects.select_related("submission"))
    with django_assert_max_num_queries(6):
        allotment.allot(tasks, at=AT)
    assert {task.share for task in tasks} == {"person:bob"}


def test_what_is_declared_of_a_recipe_is_taken_the_architectures_own_first(
    profile: Profile, repository: Repository
) -> None:
    Requirement.objects.create(source_name="llvm", memory_bytes=1, disk_bytes=1)
    Requirement.objects.create(source_name="llvm", architecture="x86_64", memory_bytes=2**34, disk_bytes=2**36)
    make_recipe(repository, "llvm")
    planning.plan(profile, at=AT)
    task = BuildTask.objects.get()
    assert (task.memory_bytes, task.disk_bytes) == (2**34, 2**36)


@pytest.mark.parametrize(
    ("message", "is_security"),
    [
        ("Fix CVE-2026-12345", True),
        ("Update\n\nSecurity: CVE-2026-1234", True),
        ("Update to 1.2", False),
        ("xCVE-2026-12345", False),
        ("CVE-26-1", False),
    ],
)
def test_a_commit_that_names_a_vulnerability_is_a_security_build(
    message: str, is_security: object, profile: Profile, repository: Repository
) -> None:
    make_recipe(repository, "zlib", commit_subject=message.partition("\n")[0], commit_message=message)
    planning.plan(profile, at=AT)
    assert BuildTask.objects.get().is_security is is_security


def test_what_a_security_build_waits_for_goes_with_it(profile: Profile, repository: Repository) -> None:
    make_task(make_recipe(repository, "zlib"), profile)
    make_task(make_recipe(repository, "openssl", needs=["zlib"]), profile, is_security=True)
    make_task(make_recipe(repository, "curl", needs=["openssl"]), profile)
    ordering.reorder(profile, at=AT)
    assert TaskEdge.objects.count() == 2
    marked = BuildTask.objects.filter(is_security=True).values_list("source_name", flat=True)
    assert set(marked) == {"zlib", "openssl"}
    told = BuildTask.objects.get(source_name="zlib").events.order_by("-pk")[0]
    assert (told.actor, told.sentence) == (None, "marked as security, because openssl waits for it")
