"""A campaign from the click to its one version, or to nothing at all."""

from datetime import timedelta

import pytest
from guardian.shortcuts import assign_perm, remove_perm

from serpent_infra.accounts.models import User
from serpent_infra.wire.reports import FailureKind
from summit import dispatch, lifecycle, planning, publishing, settling
from summit import tasks as celery_tasks
from summit.campaigns import advance, ending, progress, starting
from summit.campaigns.selection import BadArgument
from summit.models import BuildTask, Campaign, CampaignKind, Profile, Recipe, Repository, TaskEdge
from summit.needs import EdgeKind
from summit.states import CampaignStatus, IllegalTransition
from tests.factories.summit import AT, make_recipe, release_again
from tests.fakes.doors import FakeFleet, FakeRepository
from tests.integration.summit.campaigns.acting import begin, build_all, statuses
from tests.integration.summit.campaigns.conftest import Stage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]

MEMBERS = {"libpng", "viewer", "flex", "file"}  # what zlib reaches


def held(vessel: FakeRepository, stream: str = "volatile") -> dict[str, int]:
    return {package.name: package.build_release for package in vessel.streams["main", stream]}


def reload(campaign: Campaign) -> Campaign:
    return Campaign.objects.get(pk=campaign.pk)


def test_a_campaign_is_built_among_itself_and_published_as_one(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    fleet.add_slots(count=4)
    before = vessel.versions["main", "volatile"]
    campaign = begin(profile, grace)
    assert campaign.status == CampaignStatus.RUNNING
    assert set(statuses(campaign)) == MEMBERS
    task = BuildTask.objects.get(source_name="libpng")
    assert (task.commit, task.release, task.build_release) == (recipes["libpng"].commit, 1, 2)
    assert (task.stream, task.share) == (campaign.stream, f"campaign:{campaign.pk}")
    assert task.events.get().actor == grace

    assert build_all(fleet, vessel) == [["file", "flex", "libpng"], ["viewer"]]
    order = fleet.order_for("viewer")
    assert order.build_release == 2
    assert order.remotes[0].index_uri.endswith("/v3/x86_64/stone.index")
    assert order.remotes[0].name == f"main-{campaign.stream}"
    assert vessel.versions["main", "volatile"] == before
    assert set(held(vessel).values()) == {1}, "nothing of it reaches the stream yet"

    progress.settle(campaign, at=AT)
    assert campaign.status == CampaignStatus.READY
    ending.publish(campaign, actor=grace, at=AT)
    assert set(held(vessel).values()) == {1}, "a person's word is committed first"
    advance.sweep(at=AT)
    campaign = reload(campaign)
    assert (campaign.status, campaign.published_version) == (CampaignStatus.PUBLISHED, f"v{before + 1}")
    assert vessel.versions["main", "volatile"] == before + 1, "one version holds it all"
    assert held(vessel) == {name: 2 if name in MEMBERS else 1 for name in recipes}
    assert campaign.dropped_at == AT
    assert ("main", campaign.stream) not in vessel.streams
    assert planning.plan(profile, at=AT).created == 0


def test_a_cycle_is_staged_against_what_is_published(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet
) -> None:
    assert recipes
    campaign = begin(profile, grace)
    edges = TaskEdge.objects.filter(task__campaign=campaign, kind=EdgeKind.STAGED).order_by("task__source_name")
    assert [(edge.task.source_name, edge.published) for edge in edges] == [
        ("file", "flex 1.0-1"),
        ("flex", "file 1.0-1"),
    ]
    assert fleet.orders == {}


def test_the_profiles_own_builds_and_a_campaigns_know_nothing_of_each_other(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    fleet.add_slots(count=9)
    campaign = begin(profile, grace, "zlib libpng", CampaignKind.LIST)
    release_again(recipes["libpng"])
    release_again(recipes["zlib"])
    planning.plan(profile, at=AT)
    own = BuildTask.objects.filter(campaign=None)
    assert dict(own.values_list("source_name", "release")) == {"zlib": 2, "libpng": 2}
    assert statuses(campaign) == {"zlib": "queued", "libpng": "queued"}, "planning leaves it alone"
    edges = TaskEdge.objects.unmet().select_related("task", "needs")
    assert {(edge.task.source_name, edge.task.campaign_id == edge.needs.campaign_id) for edge in edges} == {
        ("libpng", True)
    }
    commits = dict(BuildTask.objects.filter(campaign=campaign).values_list("source_name", "commit"))
    assert commits["zlib"] != Recipe.objects.get(name="zlib").commit, "what is built is what was asked for"
    # Both are built; the stream has the newer zlib when the campaign is published.
    for _ in range(2):
        dispatch.dispatch(at=AT)
        for attempt, order in list(fleet.orders.items()):
            if fleet.attempts[attempt].is_open:
                fleet.end(attempt, at=AT)
                settling.settle_attempt(attempt, at=AT)
                reference = order.attempt.hex
                vessel.take_in(reference, *(["pkgconfig(zlib)"] if order.source_name == "zlib" else []), at=AT)
                settling.settle_import(reference, at=AT)
    assert set(BuildTask.objects.values_list("status", flat=True)) == {"completed"}
    ending.publish(campaign, actor=grace, at=AT)
    advance.sweep(at=AT)
    campaign = reload(campaign)
    assert campaign.kept == ["zlib 1.0-2", "libpng 1.0-2"]
    assert "the stream had 2 newer, or gone since" in campaign.events.latest("pk").sentence
    assert {p.name: p.release for p in vessel.streams["main", "volatile"] if p.name in commits} == {
        "zlib": 2,
        "libpng": 2,
    }


def test_what_failed_is_left_out_only_by_somebody_who_says_how_many(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    fleet.add_slots(count=4)
    campaign = begin(profile, grace)
    with pytest.raises(IllegalTransition, match="4 of its builds still go on"):
        ending.publish(campaign, actor=grace, at=AT)
    build_all(fleet, vessel, fails=frozenset({"libpng"}))
    assert statuses(campaign) == {"libpng": "failed", "viewer": "blocked", "flex": "completed", "file": "completed"}
    for without in (0, 1, 3):
        with pytest.raises(IllegalTransition, match="2 of its 4 builds have no result"):
            ending.publish(campaign, without=without, actor=grace, at=AT)
    assert reload(campaign).status == CampaignStatus.READY
    ending.publish(campaign, without=2, why="png is dead", actor=grace, at=AT)
    advance.sweep(at=AT)
    assert held(vessel) == {name: 2 if name in {"flex", "file"} else 1 for name in recipes}
    assert statuses(campaign)["viewer"] == "cancelled"
    cancelled = BuildTask.objects.get(source_name="viewer")
    assert (cancelled.ended_at, cancelled.events.latest("pk").actor) == (AT, grace)
    assert campaign.events.filter(sentence="to be published without 2 builds: png is dead", actor=grace).exists()


def test_what_failed_may_be_ordered_once_more(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    assert recipes
    fleet.add_slots(count=4)
    campaign = begin(profile, grace)
    build_all(fleet, vessel, fails=frozenset({"libpng", "file"}))
    progress.settle(campaign, at=AT)
    assert campaign.status == CampaignStatus.READY
    assert progress.retry_failed(campaign, actor=grace, at=AT) == 2
    assert campaign.status == CampaignStatus.RUNNING
    assert statuses(campaign) == {"libpng": "queued", "viewer": "queued", "flex": "completed", "file": "queued"}
    build_all(fleet, vessel, fails=frozenset({"file"}))
    lifecycle.retry(BuildTask.objects.get(source_name="file"), actor=grace, at=AT)
    build_all(fleet, vessel)
    assert set(statuses(campaign).values()) == {"completed"}


def test_an_abandoned_campaign_leaves_the_stream_as_it_was(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    fleet.add_slots(count=2)
    before = (held(vessel), vessel.versions["main", "volatile"])
    campaign = begin(profile, grace)
    dispatch.dispatch(at=AT)
    first, second = BuildTask.objects.filter(status="building").values_list("source_name", flat=True)
    fleet.end(fleet.order_for(first).attempt, at=AT)
    settling.settle_attempt(fleet.order_for(first).attempt, at=AT)  # its import is under way
    ending.abandon(campaign, why="wrong flags", actor=grace, at=AT)
    assert statuses(campaign)[first] == "publishing"
    assert statuses(campaign)[second] == "cancelled"
    assert fleet.order_for(second).attempt in fleet.cancelled
    advance.sweep(at=AT)
    assert reload(campaign).dropped_at is None, "an import is on its way there"
    [reference] = vessel.imports
    vessel.take_in(reference, at=AT)
    settling.sweep(at=AT)
    advance.sweep(at=AT)
    campaign = reload(campaign)
    assert campaign.dropped_at == AT
    assert set(statuses(campaign).values()) == {"completed", "cancelled"}
    assert ("main", campaign.stream) not in vessel.streams
    assert (held(vessel), vessel.versions["main", "volatile"]) == before
    assert campaign.events.latest("pk").sentence == "wrong flags"
    assert set(recipes) == set(held(vessel))


def test_a_build_that_comes_back_after_its_campaign_was_abandoned_is_stopped(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    assert recipes
    fleet.add_slots()
    campaign = begin(profile, grace, "nano", CampaignKind.LIST)
    dispatch.dispatch(at=AT)
    fleet.end(fleet.order_for("nano").attempt, at=AT)
    settling.sweep(at=AT)
    ending.abandon(campaign, actor=grace, at=AT)
    [reference] = vessel.imports
    vessel.refuse(reference, "the builder vanished", is_infrastructure=True, at=AT)
    settling.sweep(at=AT)
    assert statuses(campaign) == {"nano": "queued"}
    advance.sweep(at=AT)
    assert statuses(campaign) == {"nano": "cancelled"}
    assert reload(campaign).dropped_at == AT


@pytest.mark.parametrize("end", ["published", "abandoned"])
def test_what_is_over_stays_over(stage: Stage, end: str) -> None:
    grace = stage.grace
    campaign = begin(stage.profile, grace)
    build_all(stage.fleet, stage.vessel, fails=frozenset({"file"}))
    if end == "published":
        ending.publish(campaign, without=1, actor=grace, at=AT)
    else:
        ending.abandon(campaign, actor=grace, at=AT)
    advance.sweep(at=AT)
    assert reload(campaign).status == end
    count = campaign.events.count()
    for order in (ending.publish, ending.abandon, starting.start, progress.retry_failed):
        with pytest.raises(IllegalTransition):
            order(campaign, actor=grace, at=AT)
    with pytest.raises(IllegalTransition, match=f"is {end}"):
        lifecycle.retry(BuildTask.objects.get(source_name="file"), actor=grace, at=AT)
    advance.sweep(at=AT)
    assert campaign.events.count() == count


def test_a_message_that_comes_twice_or_never_changes_nothing(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet, vessel: FakeRepository
) -> None:
    assert recipes
    campaign = starting.draft(profile, CampaignKind.REACH, "zlib", by=grace, at=AT)
    starting.start(campaign, actor=grace, at=AT)
    stale = reload(campaign)
    celery_tasks.sweep()  # the ring was lost
    for _ in range(2):
        celery_tasks.advance_campaign(campaign=campaign.pk)
        starting.begin(Campaign.objects.get(pk=stale.pk), at=AT)  # a worker that read the row before
    assert BuildTask.objects.count() == len(MEMBERS)
    fleet.add_slots(count=4)
    build_all(fleet, vessel)
    ending.publish(campaign, actor=grace, at=AT)
    late = reload(campaign)
    version = vessel.versions["main", "volatile"]
    for _ in range(3):
        celery_tasks.advance_campaign(campaign=campaign.pk)
    ending.finish(late, at=AT)
    assert vessel.versions["main", "volatile"] == version + 1
    assert campaign.events.filter(target="published").count() == 1


def test_a_crash_between_publication_and_its_note_is_mended_by_the_sweep(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    vessel = stage.vessel
    campaign = begin(stage.profile, stage.grace)
    build_all(stage.fleet, vessel)
    ending.publish(campaign, actor=stage.grace, at=AT)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Campaign, "publish", die)
        with pytest.raises(KeyboardInterrupt):
            advance.sweep(at=AT)
    version = vessel.versions["main", "volatile"]
    assert reload(campaign).status == CampaignStatus.PUBLISHING
    vessel.publish("viewer", 1, build_release=3)  # and the stream moves on before the sweep comes
    advance.sweep(at=AT + timedelta(seconds=5))
    campaign = reload(campaign)
    assert (campaign.status, campaign.published_version, campaign.kept) == (
        CampaignStatus.PUBLISHED,
        f"v{version}",
        [],
    )
    assert held(vessel)["viewer"] == 3


def test_a_fault_with_one_campaign_holds_up_no_other(
    profile: Profile, recipes: dict[str, Recipe], grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recipes
    campaigns = [starting.draft(profile, CampaignKind.LIST, name, by=grace, at=AT) for name in ("nano", "file")]
    for campaign in campaigns:
        starting.start(campaign, actor=grace, at=AT)
    whole = publishing.branch

    def fail(campaign: Campaign, *, at: object) -> None:
        if campaign.pk == campaigns[0].pk:
            raise OSError("the disk is full")
        whole(campaign, at=AT)

    monkeypatch.setattr(publishing, "branch", fail)
    advance.sweep(at=AT)
    assert [reload(campaign).status for campaign in campaigns] == ["starting", "running"]
    monkeypatch.setattr(publishing, "branch", whole)
    advance.sweep(at=AT)
    assert reload(campaigns[0]).status == "running"


def test_a_campaign_that_cannot_start_is_a_draft_that_says_why(
    profile: Profile, recipes: dict[str, Recipe], grace: User, repository: Repository, vessel: FakeRepository
) -> None:
    assert recipes
    campaign = starting.draft(profile, CampaignKind.LIST, "nano", by=grace, at=AT)
    remove_perm("summit.push_build", grace, repository)
    starting.start(campaign, actor=grace, at=AT)
    advance.sweep(at=AT)
    campaign = reload(campaign)
    assert (campaign.status, campaign.problem) == (
        CampaignStatus.DRAFT,
        "grace may not push to every repository that it concerns",
    )
    assert not BuildTask.objects.exists()
    assign_perm("summit.push_build", grace, repository)
    starting.start(campaign, actor=grace, at=AT)
    release_again(recipes["nano"])  # meanwhile
    advance.sweep(at=AT)
    assert "its update is planned by itself" in reload(campaign).problem
    vessel.streams.pop(("main", "volatile"))
    vessel.versions.pop(("main", "volatile"))
    starting.start(reload(campaign), actor=grace, at=AT)
    advance.sweep(at=AT)
    assert reload(campaign).problem == "there is no stream main/volatile"
    ending.abandon(reload(campaign), actor=grace, at=AT)
    advance.sweep(at=AT)
    assert reload(campaign).dropped_at == AT


@pytest.mark.parametrize(
    ("kind", "argument", "sentence"),
    [
        (CampaignKind.LIST, "", "say which"),
        (CampaignKind.LIST, "nano, nonsense <b>", "no recipe that could be built is named <b>, nonsense"),
        (CampaignKind.RECIPE, "nano", "there is nothing to rebuild"),
        (CampaignKind.REACH, "nobody", "no recipe that could be built is named nobody"),
        (CampaignKind.CAPABILITY, "sonam(libz.so.1)", "is no kind"),
        (CampaignKind.CAPABILITY, "soname(libq.so.1)", r"nothing depends on soname\(libq.so.1\)"),
    ],
)
def test_an_argument_that_means_nothing_is_refused_by_name(
    stage: Stage, kind: CampaignKind, argument: str, sentence: str
) -> None:
    with pytest.raises(BadArgument, match=sentence):
        starting.draft(stage.profile, kind, argument, by=stage.grace, at=AT)
    assert not Campaign.objects.exists()


def test_what_a_member_newly_provides_frees_the_members_that_lacked_it(stage: Stage, repository: Repository) -> None:
    stage.vessel.publish("tool", 1)
    stage.vessel.publish("user", 1)
    make_recipe(repository, "tool", manifest=False)
    make_recipe(repository, "user", needs=["binary(tool-extra)"])
    campaign = begin(stage.profile, stage.grace, "tool user", CampaignKind.LIST)
    assert statuses(campaign) == {"tool": "queued", "user": "blocked"}
    dispatch.dispatch(at=AT)
    order = stage.fleet.order_for("tool")
    stage.fleet.end(order.attempt, at=AT)
    settling.settle_attempt(order.attempt, at=AT)
    stage.vessel.take_in(order.attempt.hex, "binary(tool-extra)", at=AT)
    settling.settle_import(order.attempt.hex, at=AT)
    advance.sweep(at=AT)
    assert statuses(campaign) == {"tool": "completed", "user": "queued"}
    assert reload(campaign).order_requested_at is None
    assert Profile.objects.plan_overdue().count() == 0


def test_a_builders_failure_in_a_campaign_is_tried_again(
    profile: Profile, recipes: dict[str, Recipe], grace: User, fleet: FakeFleet
) -> None:
    assert recipes
    fleet.add_slots()
    campaign = begin(profile, grace, "nano", CampaignKind.LIST)
    dispatch.dispatch(at=AT)
    attempt = fleet.order_for("nano").attempt
    fleet.end(attempt, "lost", kind=FailureKind.BUILDER_LOST, message="silent", at=AT)
    settling.settle_attempt(attempt, at=AT)
    progress.settle(campaign, at=AT)
    assert (campaign.status, statuses(campaign)) == (CampaignStatus.RUNNING, {"nano": "queued"})
