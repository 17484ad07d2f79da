"""Faults that the seeded storms found, each told again without the weather; test_crash.py has seeds of some."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from avalanche.models import Attempt
from summit import lifecycle, publishing, rebuilding
from summit import tasks as hub
from summit.campaigns import advance, ending, progress, starting
from summit.models import BuildTask, Campaign, CampaignKind, Recipe, Repository, Verdict
from summit.states import CampaignStatus, IllegalTransition, TaskStatus
from tests.integration.summit.storm.installation import install
from tests.integration.summit.storm.weather import BUILD
from tests.integration.summit.storm.world import World
from vessel.models import Branch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A calm farm of one recipe."""
    farm = World(1, tmp_path)
    install(farm, monkeypatch, tmp_path)
    farm.found()
    Repository.objects.update(needs_review=False)
    Recipe.objects.exclude(name="nano").delete()
    yield farm
    monkeypatch.undo()


def latest() -> BuildTask:
    task = BuildTask.objects.with_names().order_by("pk").last()
    assert task is not None
    return task


def begin_to_build(world: World) -> None:
    world.hub(hub.plan, profile=world.profile.pk)
    world.hub(hub.dispatch)
    world.deliver(lambda message: message.task == BUILD)
    assert latest().status == TaskStatus.BUILDING


def campaign_of(world: World) -> Campaign:
    at = world.clock.now()
    campaign = starting.draft(world.profile, CampaignKind.TREE, "", by=world.person, at=at)
    starting.start(campaign, actor=world.person, at=at)
    return campaign


@pytest.mark.parametrize("verdict", Verdict)
def test_a_cancel_and_a_retry_are_no_way_round_the_review(world: World, verdict: Verdict) -> None:
    Repository.objects.update(needs_review=True)
    world.hub(hub.plan, profile=world.profile.pk)
    task, at = latest(), world.clock.now()
    assert task.status == TaskStatus.IN_REVIEW
    lifecycle.cancel(task, actor=world.person, at=at)
    with pytest.raises(IllegalTransition, match=r"the submission of nano .* is in review"):
        lifecycle.retry(task, actor=world.person, at=at)
    world.people.review(verdict)
    assert latest().status == TaskStatus.CANCELLED
    if verdict == Verdict.REJECT:
        with pytest.raises(IllegalTransition, match="is rejected"):
            lifecycle.retry(task, actor=world.person, at=at)
        assert latest().status == TaskStatus.CANCELLED
    else:
        lifecycle.retry(task, actor=world.person, at=at)
        assert latest().status == TaskStatus.QUEUED


@pytest.mark.parametrize("stop", ["cancel", "give_up"])
def test_what_is_ordered_once_more_waits_for_no_attempt_that_is_still_being_ended(world: World, stop: str) -> None:
    begin_to_build(world)
    task, at = latest(), world.clock.now()
    if stop == "cancel":
        lifecycle.cancel(task, actor=world.person, at=at)
    else:
        lifecycle.give_up(task, actor=world.person, why="", at=at)
    lifecycle.retry(task, actor=world.person, at=at)
    [first] = Attempt.objects.all()
    assert first.status == "running", "the builder has not heard of it yet"
    world.hub(hub.dispatch)
    assert latest().status == TaskStatus.BUILDING, "another slot takes it at once"
    assert latest().attempts.count() == 2
    world.calm()
    world.check_end()
    assert latest().status == TaskStatus.COMPLETED
    assert [row.outcome for row in latest().attempts.order_by("number")] == ["cancelled", "succeeded"]


def test_what_an_attempt_brings_that_was_let_go_is_dropped(world: World) -> None:
    begin_to_build(world)
    while Attempt.objects.get().status == "running":
        world.pass_time(1)
    world.broker.flush()  # nobody hears that it was built
    task, at = latest(), world.clock.now()
    lifecycle.cancel(task, actor=world.person, at=at)
    lifecycle.retry(task, actor=world.person, at=at)
    [first] = Attempt.objects.all()
    assert first.status == "succeeded"
    world.calm()
    world.check_end()
    first.refresh_from_db()
    assert first.settled_at is not None
    assert first.dropped_at is not None, "the builder keeps nothing that nobody wants"


def test_a_retried_rebuild_is_numbered_after_what_was_published_meanwhile(world: World) -> None:
    world.calm()
    recipe, at = Recipe.objects.get(), world.clock.now()
    task = rebuilding.rebuild(recipe, world.profile, actor=world.person, at=at)
    lifecycle.cancel(task, actor=world.person, at=at)
    campaign = campaign_of(world)
    world.calm()
    ending.publish(Campaign.objects.get(), actor=world.person, at=world.clock.now())
    world.calm()
    assert publishing.stream_of(world.profile).build_releases == {("nano", 1): 3}
    task.refresh_from_db()
    lifecycle.retry(task, actor=world.person, at=world.clock.now())
    world.calm()
    task.refresh_from_db()
    assert (task.status, task.build_release) == (TaskStatus.COMPLETED, 4)
    assert publishing.stream_of(world.profile).build_releases == {("nano", 1): 4}
    assert campaign.tasks.get().build_release == 3
    world.check_end()


def test_a_build_is_not_ordered_once_more_where_a_newer_release_is_published(world: World) -> None:
    begin_to_build(world)
    task = latest()
    lifecycle.cancel(task, actor=world.person, at=world.clock.now())
    world.people.push(Recipe.objects.get())
    world.calm()
    with pytest.raises(IllegalTransition, match="main/volatile offers release 2 of nano already"):
        lifecycle.retry(task, actor=world.person, at=world.clock.now())
    assert BuildTask.objects.get(pk=task.pk).status == TaskStatus.CANCELLED


def test_a_worker_that_starts_what_was_abandoned_meanwhile_leaves_no_stream(world: World) -> None:
    world.calm()
    late = campaign_of(world)
    ending.abandon(Campaign.objects.get(), actor=world.person, at=world.clock.now())
    world.calm()
    assert Campaign.objects.get().dropped_at is not None
    advance.advance(late, at=world.clock.now())
    assert late.status == CampaignStatus.ABANDONED
    assert not Branch.objects.live().exists(), "its name is used up"
    world.calm()
    world.check_rest()
    assert not Branch.objects.live().exists()


def test_a_worker_that_comes_late_to_a_campaign_changes_nothing(world: World) -> None:
    world.calm()
    late = campaign_of(world)
    world.calm()
    ending.publish(Campaign.objects.get(), actor=world.person, at=world.clock.now())
    later = Campaign.objects.get()
    world.calm()
    for stale in (late, later):
        before = publishing.stream_of(world.profile).version
        advance.advance(stale, at=world.clock.now())
        assert stale.status == Campaign.objects.get().status == CampaignStatus.PUBLISHED
        assert publishing.stream_of(world.profile).version == before
    world.check_rest()


def test_a_worker_that_starts_what_rests_already_starts_nothing(world: World) -> None:
    world.calm()
    late = campaign_of(world)
    world.calm()
    assert Campaign.objects.get().status == CampaignStatus.READY
    advance.advance(late, at=world.clock.now())
    assert late.status == CampaignStatus.READY
    assert (late.tasks.count(), late.events.count()) == (1, 4)
    world.check_rest()


def test_all_that_failed_of_a_campaign_is_ordered_once_more_while_it_is_being_ended(world: World) -> None:
    world.calm()
    campaign_of(world)
    world.hub(hub.sweep)
    world.deliver(lambda message: message.task == BUILD)
    lifecycle.give_up(latest(), actor=world.person, why="", at=world.clock.now())
    assert progress.retry_failed(Campaign.objects.get(), actor=world.person, at=world.clock.now()) == 1
    assert not latest().attempts.unsettled().exists()
    world.calm()
    assert latest().status == TaskStatus.COMPLETED
    world.check_rest()
