"""Forecasts of the stored queue: on the pages, over the API, at a bounded cost, and nine of ten times in time."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from summit import dispatch, planning
from summit.models import BuildTask, Profile, Repository, TaskEdge
from summit.outlook import Experience, learn, outlooks
from summit.states import TaskStatus
from tests.factories.summit import AT, make_recipe, make_task
from tests.fakes.doors import FakeFleet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


@pytest.fixture
def chain(doors: None, profile: Profile, repository: Repository) -> list[BuildTask]:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", provides=["pkgconfig(libpng)"], needs=["pkgconfig(zlib)"])
    make_recipe(repository, "gtk", needs=["pkgconfig(libpng)"])
    planning.plan(profile, at=AT)
    BuildTask.objects.update(estimate_seconds=600)
    return [BuildTask.objects.get(source_name=name) for name in ("zlib", "libpng", "gtk")]


def test_a_chain_is_forecast_one_after_the_other(chain: list[BuildTask], fleet: FakeFleet) -> None:
    fleet.add_slots(count=2)
    found = outlooks(at=AT)
    first = found[chain[0].pk]
    assert first.start is not None
    assert first.start.likely == AT
    for before, after in pairwise(found[task.pk] for task in chain):
        assert after.start is not None
        assert after.start.likely >= before.finish.likely >= AT + timedelta(seconds=600)
        assert after.start.late >= before.finish.late > before.finish.likely


def test_what_builds_has_an_end_only_and_what_cannot_run_has_none(chain: list[BuildTask], fleet: FakeFleet) -> None:
    assert outlooks(at=AT) == {}, "there is no builder"
    fleet.add_slots()
    dispatch.dispatch(at=AT)
    found = outlooks(at=AT + timedelta(seconds=300))
    assert found[chain[0].pk].start is None
    assert AT + timedelta(seconds=300) < found[chain[0].pk].finish.likely < AT + timedelta(seconds=1200)
    BuildTask.objects.filter(pk=chain[1].pk).update(status=TaskStatus.BLOCKED, block_reason="missing")
    assert set(outlooks(at=AT)) == {chain[0].pk}


def test_a_pause_hides_the_forecast_of_what_waits(chain: list[BuildTask], fleet: FakeFleet) -> None:
    fleet.add_slots()
    dispatch.dispatch(at=AT)
    Profile.objects.update(is_paused=True)
    assert set(outlooks(at=AT)) == {chain[0].pk}


def test_the_spread_is_learnt_from_how_far_estimates_were_off(profile: Profile, repository: Repository) -> None:
    assert learn() == Experience()
    for number, took in enumerate((50.0, 100.0, 200.0, 100.0, 50.0, 200.0)):
        make_task(
            make_recipe(repository, f"p{number}"),
            profile,
            TaskStatus.COMPLETED,
            build_seconds=took,
            estimate_seconds=100.0,
            started_at=AT,
            ended_at=AT + timedelta(seconds=took + 7),
        )
    learnt = learn()
    assert learnt.publishing == pytest.approx(7)
    assert learnt.spread == pytest.approx(0.566, abs=0.01)


def test_pages_and_api_show_it(client: Client, chain: list[BuildTask], fleet: FakeFleet) -> None:
    fleet.add_slots()
    assert "It probably starts" in client.get(chain[2].get_absolute_url()).content.decode()
    assert client.get("/queue/").content.decode().count(">90 %: <time") == 2 * len(chain)
    told = client.get(f"/api/v1/builds/{chain[2].pk}/").json()["outlook"]
    assert told["start"]["likely"] <= told["start"]["late"] <= told["finish"]["late"]
    BuildTask.objects.update(status=TaskStatus.FAILED)
    assert client.get(f"/api/v1/builds/{chain[2].pk}/").json()["outlook"] is None


def test_a_long_queue_costs_no_more_queries_than_a_short_one(
    profile: Profile, repository: Repository, fleet: FakeFleet, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    fleet.add_slots()
    tasks = [make_task(make_recipe(repository, f"p{number}"), profile, blockers=number) for number in range(60)]
    TaskEdge.objects.bulk_create(
        TaskEdge(task=task, needs=need, capability="x") for number, task in enumerate(tasks) for need in tasks[:number]
    )
    with django_assert_max_num_queries(3):
        assert len(outlooks(at=AT)) == len(tasks)
