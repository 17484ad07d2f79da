"""Every state in which something is waited for, with whoever should answer gone: one or two sweeps settle it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from avalanche.models import Attempt
from avalanche.tasks import sweep as sweep_attempts
from summit import lifecycle
from summit import tasks as hub
from summit.models import BuildTask, Profile, Recipe, Repository, Submission
from summit.states import RefreshStatus, SubmissionStatus, TaskStatus
from tests.integration.summit.storm.installation import install
from tests.integration.summit.storm.weather import BUILD
from tests.integration.summit.storm.world import World
from vessel.models import Import
from vessel.tasks import sweep as sweep_imports

pytestmark = pytest.mark.django_db(transaction=True)

SECOND, MINUTE, HOUR, DAY = 1, 60, 3600, 86400


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A calm farm of one recipe whose messages arrive only when a test delivers them."""
    farm = World(1, tmp_path)
    install(farm, monkeypatch, tmp_path)
    farm.found()
    Repository.objects.update(needs_review=False)
    Recipe.objects.exclude(name="nano").delete()
    yield farm
    monkeypatch.undo()


def task() -> BuildTask:
    return BuildTask.objects.with_names().get()


def queued(world: World) -> None:
    world.hub(hub.plan, profile=world.profile.pk)
    world.broker.flush()


def offered(world: World) -> None:
    queued(world)
    world.hub(hub.dispatch)


def running(world: World) -> None:
    offered(world)
    world.deliver(lambda message: message.task == BUILD)
    assert Attempt.objects.get().status == "running"


def ended(world: World) -> None:
    running(world)
    while Attempt.objects.get().status == "running":
        world.pass_time(1)
    world.broker.flush()


def importing(world: World) -> None:
    ended(world)
    world.hub(hub.settle, attempt=str(Attempt.objects.get().pk))
    assert Import.objects.get().status == "requested"


def published(world: World) -> None:
    importing(world)
    world.deliver(lambda message: message.task == "vessel.import_artefacts")
    assert Import.objects.get().status == "published"


def in_review(world: World) -> None:
    Repository.objects.update(needs_review=True)
    queued(world)
    assert task().status == TaskStatus.IN_REVIEW


def planless(world: World) -> None:
    assert Profile.objects.plan_overdue().exists()


def builders_vanish(world: World) -> None:
    for machine in world.fleet.machines.values():
        machine.is_up = False


def cancelled_and_deaf(world: World) -> None:
    running(world)
    lifecycle.cancel(task(), actor=world.person, at=world.clock.now())


def still_renewing(world: World) -> None:
    running(world)
    far = world.clock.now() + timedelta(days=1)
    Attempt.objects.update(lease_expires_at=far)


def forgotten_by_avalanche(world: World) -> None:
    running(world)
    Attempt.objects.all().delete()


def forgotten_by_vessel(world: World) -> None:
    importing(world)
    Import.objects.all().delete()


def hanging_in_the_fetch(world: World) -> None:
    importing(world)
    Import.objects.get().start(at=world.clock.now())


def decided_without_it(world: World) -> None:
    in_review(world)
    Submission.objects.update(status=SubmissionStatus.ACCEPTED, decided_at=world.clock.now())


CASES: dict[str, tuple[Callable[[World], None], float, TaskStatus]] = {
    "the plan's bell is lost": (planless, SECOND, TaskStatus.BUILDING),
    "the dispatch's bell is lost": (queued, SECOND, TaskStatus.BUILDING),
    "no worker takes the offer": (offered, MINUTE, TaskStatus.QUEUED),
    "the builder falls silent": (running, MINUTE, TaskStatus.QUEUED),
    "the build runs for ever": (still_renewing, 7 * HOUR, TaskStatus.FAILED),
    "the builder does not hear that it is to end": (cancelled_and_deaf, 3 * MINUTE, TaskStatus.CANCELLED),
    "avalanche knows nothing of the attempt": (forgotten_by_avalanche, SECOND, TaskStatus.QUEUED),
    "the report's bell is lost": (ended, SECOND, TaskStatus.PUBLISHING),
    "vessel knows nothing of the import": (forgotten_by_vessel, SECOND, TaskStatus.QUEUED),
    "the import hangs": (hanging_in_the_fetch, 5 * HOUR, TaskStatus.QUEUED),
    "the publication's bell is lost": (published, SECOND, TaskStatus.COMPLETED),
    "nobody reviews it": (in_review, 15 * DAY, TaskStatus.REJECTED),
    "its review ended without it": (decided_without_it, SECOND, TaskStatus.BUILDING),
}


@pytest.mark.parametrize("case", CASES)
def test_what_waits_for_somebody_who_is_gone_is_settled_by_a_sweep(world: World, case: str) -> None:
    prepare, patience, status = CASES[case]
    prepare(world)
    events = BuildTask.objects.values_list("events__pk", flat=True).count()
    if status != TaskStatus.BUILDING:  # nobody answers any more
        builders_vanish(world)
    world.broker.flush()
    world.clock.advance(patience)
    if status == TaskStatus.BUILDING:
        world.fleet.tick()  # a sign of life, or nobody would be offered anything
    for _ in range(2):
        for sweep in (sweep_attempts, sweep_imports, hub.sweep):
            world.hub(sweep)
        world.broker.flush()
    found = task()
    assert found.status == status, list(found.events.values_list("source", "target", "sentence"))
    if case != "the builder does not hear that it is to end":  # a person's event says so already
        assert BuildTask.objects.values_list("events__pk", flat=True).count() > events
        assert found.events.order_by("pk").last() is not None
    assert all(found.events.values_list("sentence", flat=True)), "every automatic decision says why"
    assert not Attempt.objects.open().exists() or status == TaskStatus.BUILDING
    assert not Attempt.objects.unsettled().exists()


def test_an_import_whose_bell_was_lost_is_rung_for_and_published(world: World) -> None:
    importing(world)
    world.broker.flush()
    world.pass_time(31)
    world.hub(sweep_imports)
    world.deliver()
    world.hub(hub.sweep)
    assert task().status == TaskStatus.COMPLETED


def test_an_import_whose_builder_is_gone_is_given_up_after_its_tries_and_built_elsewhere(world: World) -> None:
    importing(world)
    builders_vanish(world)
    for _ in range(40):
        world.deliver()
        world.clock.advance(61)
        world.hub(sweep_imports)
    world.hub(hub.sweep)
    assert Import.objects.get().is_infrastructure_problem
    assert task().status == TaskStatus.QUEUED
    assert "tried 10 times" in task().events.order_by("pk").reverse()[0].sentence


def test_a_refresh_whose_process_died_is_asked_for_again(world: World) -> None:
    world.repository.begin_refresh(at=world.clock.now())
    world.hub(hub.sweep)
    assert not [message for message in world.broker.messages if message.task == "summit.refresh_repository"]
    world.clock.advance(HOUR)
    world.hub(hub.sweep)
    [bell] = [message for message in world.broker.messages if message.task == "summit.refresh_repository"]
    assert dict(bell.ids) == {"repository": world.repository.pk}
    assert Repository.objects.get().status == RefreshStatus.REFRESHING


def test_a_plan_whose_process_died_is_made_by_the_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(world.fate, "longest", 3)
        patch.setattr(world.fate.weather, "death", 1.0)
        world.hub(hub.plan, profile=world.profile.pk)
    assert world.fate.deaths == 1
    assert not BuildTask.objects.exists()
    world.hub(hub.sweep)
    assert task().status in {TaskStatus.QUEUED, TaskStatus.BUILDING}
