"""Many hub processes at once, in threads on PostgreSQL: a slot gets one task, a task one slot, and all ends well."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Count
from pytest_django import Settings

from avalanche.models import Attempt
from avalanche.tasks import sweep as sweep_attempts
from summit import dispatch, lifecycle, ordering, planning, settling
from summit import tasks as hub
from summit.models import AttemptRef, BuildTask, Profile
from summit.states import IllegalTransition, TaskStatus
from tests.factories.avalanche import make_builder
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository, make_task, make_user
from tests.integration.summit.storm.installation import install
from tests.integration.summit.storm.weather import Weather
from tests.integration.summit.storm.world import World
from vessel.tasks import sweep as sweep_imports

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL: make test runs it there"),
]

CROWD = 8
BUILDERS, SLOTS, TASKS = 5, 4, 60


@pytest.fixture(autouse=True)
def _directories(settings: Settings, tmp_path: Path) -> None:
    settings.SERPENT_PUBLIC_DIR = tmp_path / "public"
    settings.SERPENT_IMPORTS_DIR = tmp_path / "imports"
    settings.SERPENT_LOGS_DIR = tmp_path / "logs"


def at_once(deeds: list[Callable[[], object]]) -> list[object]:
    """Does all at the same moment, each in a thread with a connection of its own; gives what each gave."""
    start = Barrier(len(deeds))

    def one(deed: Callable[[], object]) -> object:
        try:
            start.wait(timeout=20)
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as crowd:
        return list(crowd.map(one, deeds))


@pytest.fixture
def profile() -> Profile:
    project = make_project()
    profile, repository = make_profile(project), make_repository(project)
    planning.plan(profile, at=AT)  # makes the stream
    for number in range(TASKS):
        make_task(make_recipe(repository, f"p{number:02}"), profile, priority=float(number))
    return profile


def check_pairs() -> None:
    """Holds whatever raced: nobody has two, and both sides tell the same of who has whom."""
    per_slot = Attempt.objects.open().values("slot").annotate(number=Count("pk"))
    assert not per_slot.filter(number__gt=1).exists()
    tries = AttemptRef.objects.unsettled().values("task").annotate(number=Count("pk"))
    assert not tries.filter(number__gt=1).exists()
    building = set(BuildTask.objects.filter(status=TaskStatus.BUILDING).values_list("pk", flat=True))
    assert set(AttemptRef.objects.unsettled().values_list("task", flat=True)) >= building
    offered = {int(task) for task in Attempt.objects.open().values_list("task", flat=True)}
    assert offered <= building


def test_eight_schedulers_give_no_slot_two_tasks_and_no_task_two_slots(profile: Profile) -> None:
    assert profile.plan_error == ""
    for number in range(BUILDERS):
        make_builder(f"b{number}", slots=SLOTS, at=AT)
    given = at_once([partial(dispatch.dispatch, at=AT)] * CROWD)
    assert sum(int(str(count)) for count in given) == BUILDERS * SLOTS
    check_pairs()
    assert Attempt.objects.open().count() == BUILDERS * SLOTS
    assert AttemptRef.objects.count() == BUILDERS * SLOTS, "who lost a race leaves nothing behind"
    assert set(BuildTask.objects.filter(status=TaskStatus.BUILDING).values_list("attempt_count", flat=True)) == {1}


def settle_all(attempts: list[UUID]) -> None:
    for attempt in attempts:
        settling.settle_attempt(attempt, at=AT)


def each(deed: Callable[..., object], tasks: list[BuildTask]) -> None:
    """Does it to every task, as it is by then; too late is no error."""
    for task in tasks:
        try:
            deed(BuildTask.objects.select_related("profile", "recipe").get(pk=task.pk))
        except IllegalTransition:
            continue


def test_what_is_settled_cancelled_swept_and_retried_at_once_happens_once(profile: Profile) -> None:
    make_builder("b0", slots=CROWD, at=AT)
    person = make_user()
    for _ in range(4):
        dispatch.dispatch(at=AT)
        running = list(Attempt.objects.open().order_by("pk"))
        for attempt in running[::2]:
            attempt.cancel(at=AT)  # ended on the builder's side: several will hear of it
        ended = [attempt.pk for attempt in running]
        tasks = list(BuildTask.objects.filter(attempts__attempt__in=ended).select_related("profile", "recipe"))
        closed = list(BuildTask.objects.filter(status__in=[TaskStatus.FAILED, TaskStatus.CANCELLED]))
        at_once(
            [
                partial(settle_all, ended),
                partial(settle_all, ended[::-1]),
                partial(settling.sweep, at=AT),
                partial(settling.sweep, at=AT),
                partial(each, partial(lifecycle.cancel, actor=person, at=AT), tasks[1::2]),
                partial(each, partial(lifecycle.give_up, actor=person, why="", at=AT), tasks[::3]),
                partial(each, partial(lifecycle.retry, actor=person, at=AT), closed + tasks[::2]),
                partial(ordering.reorder, profile, at=AT),
            ]
        )
        settling.sweep(at=AT)
        check_pairs()
        for task in BuildTask.objects.prefetch_related("events"):
            events = sorted(task.events.all(), key=lambda event: event.pk)
            assert not events or events[-1].target == task.status
            for before, after in pairwise(events):
                assert after.source == before.target, "an event for each transition, and none twice"


def test_a_crowd_of_hub_processes_brings_a_whole_farm_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(7, tmp_path)
    install(world, monkeypatch, tmp_path)
    world.found()
    rough = Weather(lost=0.1, doubled=0.3, unreachable=0.05, unanswered=0.05, build=0.1)
    world.broker.weather = world.fleet.weather = rough

    def hub_process(*deeds: Callable[[], object]) -> None:
        for number in range(60):
            deeds[number % len(deeds)]()

    listen = partial(world.deliver, lambda message: not message.is_for_builders)
    builders = (partial(world.deliver, lambda message: message.is_for_builders), world.pass_time)
    with caplog.at_level(logging.ERROR):
        at_once(
            [
                partial(hub_process, *builders),
                *[partial(hub_process, listen)] * 3,
                partial(hub_process, listen, partial(world.hub, hub.sweep)),
                partial(hub_process, listen, partial(world.hub, sweep_attempts)),
                partial(hub_process, partial(world.hub, sweep_imports), listen),
                partial(hub_process, world.people.act, world.people.push, listen, listen, listen),
            ]
        )
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    world.check()
    world.calm()
    world.check_rest()
    world.finish()
    world.check_end()
