"""One recipe built again without a new release: who may, which number it gets, and what planning makes of it."""

import pytest
from guardian.shortcuts import assign_perm

from serpent_infra.accounts.models import User
from summit import dispatch, lifecycle, planning, rebuilding
from summit.models import BuildTask, CampaignKind, Profile, Recipe, Repository, Verdict
from summit.states import IllegalTransition, TaskStatus
from tests.factories.summit import AT, make_task, make_user, release_again
from tests.fakes.doors import FakeFleet, FakeRepository
from tests.integration.summit.campaigns.acting import begin, settle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def build_release_of(vessel: FakeRepository, name: str) -> int:
    return next(package.build_release for package in vessel.streams["main", "volatile"] if package.name == name)


def test_a_rebuild_has_the_next_build_release_and_planning_leaves_it_alone(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    fleet.add_slots()
    task = rebuilding.rebuild(recipes["nano"], profile, actor=grace, why="new flags", at=AT)
    assert (task.status, task.release, task.build_release, task.commit) == (
        "queued",
        1,
        2,
        recipes["nano"].commit,
    )
    assert (task.reason, task.submission.title) == ("rebuild: new flags", "Rebuild nano 1.0-1: new flags")
    assert (task.submission.author, task.events.get().actor) == (grace, grace)
    assert planning.plan(profile, at=AT).superseded == 0
    with pytest.raises(IllegalTransition, match=f"build {task.pk} of nano 1.0-1 for main/x86_64 is open already"):
        rebuilding.rebuild(recipes["nano"], profile, actor=grace, at=AT)
    dispatch.dispatch(at=AT)
    settle(fleet, vessel, "nano")
    assert build_release_of(vessel, "nano") == 2
    assert rebuilding.rebuild(recipes["nano"], profile, actor=grace, at=AT).build_release == 3


def test_a_rebuild_by_somebody_without_the_push_right_waits_for_a_second_person(
    profile: Profile, recipes: dict[str, Recipe], repository: Repository, grace: User
) -> None:
    ann = make_user("ann")
    assign_perm("summit.submit_build", ann, repository)
    Repository.objects.update(needs_review=True)
    recipe = Recipe.objects.get(pk=recipes["nano"].pk)
    task = rebuilding.rebuild(recipe, profile, actor=ann, at=AT)
    assert task.status == TaskStatus.IN_REVIEW
    planning.plan(profile, at=AT)
    task.refresh_from_db()
    assert task.status == TaskStatus.IN_REVIEW
    assign_perm("summit.review_build", grace, repository)
    assert task.submission.can_review(grace)
    assert not task.submission.can_review(ann)
    lifecycle.review(task.submission, reviewer=grace, verdict=Verdict.APPROVE, at=AT)
    task.refresh_from_db()
    assert task.status == TaskStatus.QUEUED


def test_a_new_release_takes_the_place_of_a_rebuild_that_waits(
    profile: Profile, recipes: dict[str, Recipe], grace: User
) -> None:
    task = rebuilding.rebuild(recipes["nano"], profile, actor=grace, at=AT)
    release_again(recipes["nano"])
    planning.plan(profile, at=AT)
    task.refresh_from_db()
    assert task.status == TaskStatus.SUPERSEDED
    assert task.superseded_by is not None
    assert task.superseded_by.release == 2


def test_a_rebuild_of_what_is_gone_is_withdrawn(profile: Profile, recipes: dict[str, Recipe], grace: User) -> None:
    task = rebuilding.rebuild(recipes["nano"], profile, actor=grace, at=AT)
    recipes["nano"].remove(at=AT)
    planning.plan(profile, at=AT)
    task.refresh_from_db()
    assert task.status == TaskStatus.SUPERSEDED
    with pytest.raises(rebuilding.NotRebuildable, match="is gone from its repository"):
        rebuilding.rebuild(recipes["nano"], profile, actor=grace, at=AT)


def test_only_what_is_published_at_its_present_release_is_built_again(
    profile: Profile, recipes: dict[str, Recipe], grace: User, vessel: FakeRepository
) -> None:
    vessel.publish("nano", 3)
    with pytest.raises(rebuilding.NotRebuildable, match="offers release 3 of nano, its recipe says 1"):
        rebuilding.rebuild(recipes["nano"], profile, actor=grace, at=AT)
    vessel.streams["main", "volatile"] = []
    vessel.versions["main", "volatile"] += 1
    with pytest.raises(rebuilding.NotRebuildable, match="nothing of nano is published"):
        rebuilding.rebuild(recipes["nano"], profile, actor=grace, at=AT)


def test_the_sequence_of_build_releases_never_gives_one_twice(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet
) -> None:
    fleet.add_slots()
    make_task(recipes["nano"], profile, TaskStatus.FAILED, build_release=4)
    campaign = begin(profile, grace, "nano", CampaignKind.LIST)
    assert BuildTask.objects.get(campaign=campaign).build_release == 5
    assert rebuilding.rebuild(recipes["nano"], profile, actor=grace, at=AT).build_release == 6
