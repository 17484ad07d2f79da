"""What a build makes no more: its task says so, and who counted on that is ordered anew before it takes a slot."""

from dataclasses import replace

import pytest

from summit import dispatch, planning, settling
from summit.models import AttemptRef, BuildTask, Profile, Repository, TaskEvent
from tests.factories.summit import AT, make_recipe, release_again
from tests.fakes.doors import FakeFleet, FakeRepository

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def end(fleet: FakeFleet, vessel: FakeRepository, name: str, *, removed: tuple[str, ...] = ()) -> BuildTask:
    """Takes a building task through its report and its import, with which packages left the stream."""
    order = fleet.order_for(name)
    fleet.end(order.attempt, at=AT)
    assert settling.settle_attempt(order.attempt, at=AT)
    reference = AttemptRef.objects.get(attempt=order.attempt).import_reference
    vessel.take_in(reference, at=AT)
    vessel.reports[reference] = replace(vessel.reports[reference], removed=removed)
    kept = vessel.streams["main", "volatile"]
    kept[:] = [package for package in kept if package.name not in removed]
    assert settling.settle_import(reference, at=AT)
    return BuildTask.objects.filter(source_name=name).latest("pk")


def test_the_event_of_a_build_names_what_left_with_it(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "gcc")
    fleet.add_slots(count=1)
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    task = end(fleet, vessel, "gcc", removed=("gcc-docs", "libgcc"))
    event = TaskEvent.objects.filter(task=task).latest("pk")
    assert event.sentence == (
        "published in version v1, without gcc-docs, libgcc: the build made no such package any more"
    )


def test_many_packages_make_a_short_sentence(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    make_recipe(repository, "gcc")
    fleet.add_slots(count=1)
    planning.plan(profile, at=AT)
    dispatch.dispatch(at=AT)
    task = end(fleet, vessel, "gcc", removed=tuple(f"p{number:02}" for number in range(13)))
    assert "p09 and 3 more: the build" in TaskEvent.objects.filter(task=task).latest("pk").sentence


def test_who_counted_on_a_package_that_left_is_blocked_before_it_takes_a_slot(
    profile: Profile, repository: Repository, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    gcc = make_recipe(repository, "gcc")
    make_recipe(repository, "tool", needs=["pkgconfig(old)"])
    planning.plan(profile, at=AT)
    vessel.publish("gcc", 1)
    vessel.publish("gcc-old", 1, "pkgconfig(old)")
    release_again(gcc)
    planning.plan(profile, at=AT)
    fleet.add_slots(count=1)
    BuildTask.objects.filter(source_name="gcc").update(priority=10**6)
    assert dispatch.dispatch(at=AT) == 1
    assert BuildTask.objects.get(source_name="tool").status == "queued"
    end(fleet, vessel, "gcc", removed=("gcc-old",))
    tool = BuildTask.objects.get(source_name="tool")
    assert (tool.status, tool.block_reason) == ("blocked", "missing")
    assert "pkgconfig(old)" in tool.problem
