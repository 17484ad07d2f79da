"""Why it is not building: one sentence with links for every status and for everything that may hold a build up."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries

from avalanche.interfaces import Tier
from serpent_infra.wire.reports import FailureKind
from summit import controls, dispatch, explain, lifecycle, planning, settling
from summit.models import BuildTask, Profile, Repository, Submission
from summit.states import TaskStatus
from tests.factories.summit import AT, make_recipe, make_task, make_user
from tests.fakes.doors import FakeFleet, FakeRepository

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]

GIB = 2**30


def explained(name: str, *, later: float = 0.0) -> explain.Explanation:
    task = BuildTask.objects.with_names().select_related("superseded_by").get(source_name=name)
    return explain.explain(task, at=AT + timedelta(seconds=later))


def sentence(name: str, *, later: float = 0.0) -> str:
    return explained(name, later=later).text


def links(name: str) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in explained(name).parts if part.kind]


@pytest.fixture
def planned(doors: None, profile: Profile, repository: Repository) -> None:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", provides=["pkgconfig(libpng)"], needs=["pkgconfig(zlib)"])
    make_recipe(repository, "gtk", needs=["pkgconfig(libpng)"])
    planning.plan(profile, at=AT)


def zlib() -> BuildTask:
    return BuildTask.objects.select_related("profile", "recipe").get(source_name="zlib")


@pytest.mark.usefixtures("planned")
def test_a_task_says_what_it_waits_for_where_that_is_and_for_how_long(fleet: FakeFleet) -> None:
    fleet.add_slots()
    assert sentence("libpng") == "It waits for zlib 1.0-1 (x86_64) (queued)."
    dispatch.dispatch(at=AT)
    BuildTask.objects.filter(source_name="zlib").update(estimate_seconds=720)
    assert sentence("libpng") == "It waits for zlib 1.0-1 (x86_64) (building on b1, about 12 min)."
    assert links("libpng") == [("task", "zlib 1.0-1 (x86_64)"), ("builder", "b1")]
    assert sentence("libpng", later=800) == "It waits for zlib 1.0-1 (x86_64) (building on b1, longer than usual)."
    assert sentence("zlib") == "It is building on b1, slot 0 (attempt 1): about 12 min."
    assert links("zlib") == [("builder", "b1")]


def test_many_needs_are_counted_and_what_is_furthest_on_comes_first(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    names = [f"p{number}" for number in range(5)]
    for name in names:
        make_recipe(repository, name, provides=[f"pkgconfig({name})"])
    make_recipe(repository, "all", needs=[f"pkgconfig({name})" for name in names])
    planning.plan(profile, at=AT)
    BuildTask.objects.get(source_name="p3").start(at=AT, sentence="b1")
    text = sentence("all")
    assert text.startswith("It waits for p3 1.0-1")
    assert text.endswith(" and 2 more.")


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize(
    ("needs", "has", "expected"),
    [
        ({}, None, "It needs a builder for x86_64, and no such builder is enrolled."),
        ({}, {"architecture": "aarch64"}, "It needs a builder for x86_64, and no such builder is enrolled."),
        (
            {},
            {"tier": Tier.TEST},
            "It is an official build, and none of the 2 slots that could take it is trusted with those.",
        ),
        ({"isa_level": "x86_64-v3x"}, {}, "It needs x86_64-v3x, and no such slot works now."),
        (
            {"memory_bytes": 12 * GIB},
            {"memory_limit": 8 * GIB},
            "It needs 12.0 GiB of memory, and the largest slot has 8.00 GiB.",
        ),
        (
            {"disk_bytes": 90 * GIB},
            {"disk_free": 20 * GIB},
            "It needs 90.0 GiB of disk, and the builder with the most has 20.0 GiB free.",
        ),
        ({}, {}, "It is ready and waits for a slot: 0 of 2 that may take it are busy, 0 builds go before it."),
    ],
)
def test_a_ready_task_says_which_of_its_requirements_nothing_meets(
    fleet: FakeFleet, needs: dict[str, object], has: dict[str, object] | None, expected: str
) -> None:
    if has is not None:
        facts = dict(has)
        tier = facts.pop("tier", Tier.OFFICIAL)
        assert isinstance(tier, Tier)
        fleet.add_slots("b1", 2, tier=tier, **facts)
    Profile.objects.update(isa_level=needs.get("isa_level", ""))
    BuildTask.objects.update(**{key: value for key, value in needs.items() if key != "isa_level"})
    assert sentence("zlib") == expected
    assert dispatch.dispatch(at=AT) == ("ready" in expected), "the scheduler thinks the same"


@pytest.mark.usefixtures("planned")
def test_a_build_of_a_profile_that_is_not_in_order_says_what_is_wrong_with_it(fleet: FakeFleet) -> None:
    Profile.objects.update(plan_error="its remote core: there is no stream core/volatile")
    fleet.add_slots()
    assert sentence("zlib") == (
        "Nothing of main/x86_64 is built until it is in order: its remote core: there is no stream core/volatile."
    )
    assert links("zlib") == [("project", "main/x86_64")]
    assert dispatch.dispatch(at=AT) == 0


@pytest.mark.usefixtures("planned")
def test_a_ready_task_says_why_builders_do_not_work(fleet: FakeFleet) -> None:
    fleet.add_slots()
    fleet.online["b1"] = False
    assert sentence("zlib") == "No builder for x86_64 works now: b1 is silent."
    assert links("zlib") == [("builder", "b1")]


@pytest.mark.usefixtures("planned")
def test_a_ready_task_counts_who_goes_before_it(fleet: FakeFleet, repository: Repository, profile: Profile) -> None:
    fleet.add_slots()
    make_task(make_recipe(repository, "first"), profile, is_expedited=True)
    make_task(make_recipe(repository, "last"), profile, priority=-1.0)
    assert sentence("zlib").endswith("1 build goes before it.")
    assert sentence("last").endswith("2 builds go before it.")
    assert sentence("first").endswith("0 builds go before it.")


@pytest.mark.usefixtures("planned")
def test_a_blocked_task_says_since_what_however_far_that_is() -> None:
    lifecycle.fail(zlib(), kind="phase", problem="status 2", at=AT)
    assert sentence("libpng") == (
        "It is blocked. Needs zlib 1.0-1 for pkgconfig(zlib), which failed; "
        "it goes on when zlib 1.0-1 (x86_64) is built after all."
    )
    assert sentence("gtk") == (
        "It is blocked. Needs libpng for pkgconfig(libpng), which is blocked since zlib 1.0-1 failed; "
        "it goes on when zlib 1.0-1 (x86_64) is built after all."
    )
    assert links("gtk") == [("task", "zlib 1.0-1 (x86_64)")]
    assert sentence("zlib") == "It failed: status 2."


def test_a_task_that_nothing_can_satisfy_says_what_is_missing(profile: Profile, repository: Repository) -> None:
    make_recipe(repository, "odd", needs=["binary(nowhere)"])
    planning.plan(profile, at=AT)
    assert sentence("odd") == (
        "It is blocked. Needs binary(nowhere), which no recipe, nothing published and not the base image provides."
    )


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("of_project", [True, False])
def test_a_pause_says_whose_it_is_and_why(profile: Profile, *, of_project: bool) -> None:
    subject = profile.project if of_project else profile
    controls.pause(subject, actor=make_user("mary"), why="the mirror moves", at=AT)
    assert sentence("zlib") == f"{subject} is paused by mary: the mirror moves."
    assert links("zlib") == [("project", str(subject))]


def test_a_task_in_review_names_the_groups_that_hold_the_right_and_the_last_day(
    profile: Profile, repository: Repository
) -> None:
    Repository.objects.update(needs_review=True)
    make_recipe(repository, "zlib")
    planning.plan(profile, at=AT)
    assert sentence("zlib") == (
        "It waits for a second person to review Add zlib (nobody yet has the right; an administrator can grant "
        "review_build), and is rejected where nobody does until 07 December 2026."
    )
    group = Group.objects.create(name="toolchain")
    make_user("rex").groups.add(group)
    assign_perm("summit.review_build", group, repository)
    assign_perm("summit.manage", make_user("mary"), repository)
    assign_perm("summit.push_build", make_user("grace"), repository)
    assert "(group toolchain or mary)" in sentence("zlib")
    assert links("zlib") == [("submission", "Add zlib")]


@pytest.mark.usefixtures("planned")
def test_a_resting_task_says_who_let_it_down_and_for_how_long(fleet: FakeFleet) -> None:
    fleet.add_slots()
    dispatch.dispatch(at=AT)
    order = fleet.order_for("zlib")
    fleet.end(order.attempt, "lost", at=AT, kind=FailureKind.BUILDER_LOST, message="The builder fell silent.")
    settling.settle_attempt(order.attempt, at=AT)
    assert sentence("zlib") == "b1 let it down (The builder fell silent); it is tried again in 10 s."
    assert links("zlib") == [("builder", "b1")]
    assert sentence("zlib", later=11).startswith("It is ready and waits for a slot")


@pytest.mark.usefixtures("planned")
def test_a_task_in_progress_says_how_far_it_is(fleet: FakeFleet, vessel: FakeRepository) -> None:
    fleet.add_slots()
    dispatch.dispatch(at=AT)
    order = fleet.order_for("zlib")
    fleet.end(order.attempt, at=AT)
    assert sentence("zlib") == ("It has ended on b1, slot 0 (attempt 1); what follows is about to be settled.")
    settling.settle_attempt(order.attempt, at=AT)
    assert sentence("zlib", later=5) == ("It is built, and the repository is about to fetch its packages (for 5.0 s).")
    vessel.refuse(order.attempt.hex, "the disk is full", at=AT)
    assert sentence("zlib") == ("It is built, and the repository has answered; what follows is about to be settled.")
    vessel.reports.clear()
    assert sentence("zlib") == "It is built; the repository knows nothing of it yet, and is asked once more."
    BuildTask.objects.filter(source_name="zlib").update(status=TaskStatus.BUILDING)
    fleet.attempts.clear()
    assert "knows nothing of it" in sentence("zlib")


def test_a_closed_task_says_what_became_of_it(profile: Profile, repository: Repository) -> None:
    person = make_user()

    def made(name: str, status: TaskStatus = TaskStatus.QUEUED) -> BuildTask:
        return make_task(make_recipe(repository, name), profile, status)

    newer = made("newer")
    ends: dict[str, tuple[Callable[[BuildTask], None], TaskStatus, str]] = {
        "done": (
            lambda task: task.complete(version="42", at=AT),
            TaskStatus.PUBLISHING,
            "It is published in version 42.",
        ),
        "lost": (
            lambda task: task.fail(kind="phase", problem="status 2.", at=AT),
            TaskStatus.BUILDING,
            "It failed: status 2.",
        ),
        "ended": (
            lambda task: task.cancel(at=AT, actor=person, sentence="not now"),
            TaskStatus.QUEUED,
            "It was cancelled: not now.",
        ),
        "refused": (
            lambda task: task.reject(at=AT, actor=person, sentence="too big"),
            TaskStatus.IN_REVIEW,
            "It was rejected: too big.",
        ),
        "old": (
            lambda task: task.supersede(by=newer, at=AT, sentence="a newer commit took its place"),
            TaskStatus.QUEUED,
            f"A newer commit took its place: {newer}.",
        ),
        "gone": (
            lambda task: task.supersede(by=None, at=AT, sentence="the recipe is gone"),
            TaskStatus.QUEUED,
            "It was superseded: the recipe is gone.",
        ),
    }
    for name, (end, status, expected) in ends.items():
        end(made(name, status))
        assert sentence(name) == expected


def test_every_status_has_a_sentence(profile: Profile, repository: Repository) -> None:
    for status in TaskStatus:
        task = make_task(make_recipe(repository, f"p-{status}"), profile, status, problem="needs x")
        text = explain.explain(BuildTask.objects.with_names().get(pk=task.pk), at=AT).text
        assert text[0].isupper()
        assert text.endswith(".")


def test_the_sentence_costs_a_bounded_number_of_queries(
    profile: Profile, repository: Repository, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_recipe(repository, "p0", provides=["pkgconfig(p0)"])
    for number in range(1, 40):
        make_recipe(repository, f"p{number}", provides=[f"pkgconfig(p{number})"], needs=[f"pkgconfig(p{number - 1})"])
    planning.plan(profile, at=AT)
    lifecycle.fail(
        BuildTask.objects.select_related("profile", "recipe").get(source_name="p0"), kind="phase", problem="no", at=AT
    )
    far = BuildTask.objects.with_names().get(source_name="p39")
    with django_assert_max_num_queries(13):
        assert explain.explain(far, at=AT).text.startswith("It is blocked.")


def test_a_list_has_short_forms(profile: Profile, repository: Repository) -> None:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    make_recipe(repository, "odd", needs=["binary(nowhere)"])
    planning.plan(profile, at=AT)
    make_task(make_recipe(repository, "tired"), profile, not_before=AT + timedelta(seconds=40))
    make_task(make_recipe(repository, "new"), profile, TaskStatus.IN_REVIEW)
    tasks = list(BuildTask.objects.with_names())
    short = explain.explanations(tasks, at=AT)
    by_name = {task.source_name: short[task.pk] for task in tasks}
    assert by_name["libpng"] == "waits for zlib 1.0-1 (x86_64)"
    assert by_name["zlib"] == "ready for a slot"
    assert by_name["odd"].startswith("needs binary(nowhere)")
    assert by_name["tired"] == "is tried again in 40 s"
    assert by_name["new"] == "waits for a second person"
    Profile.objects.update(is_paused=True)
    tasks = list(BuildTask.objects.with_names().filter(source_name="zlib"))
    assert list(explain.explanations(tasks, at=AT).values()) == ["is paused"]
    assert not Submission.objects.in_review().exists()
