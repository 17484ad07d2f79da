"""What must hold on a farm: after every step, when it has come to rest, and when all is published."""

import re
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, QuerySet

from summit import ordering
from summit.models import (
    AttemptRef,
    BuildTask,
    Campaign,
    Control,
    ControlEvent,
    Profile,
    Recipe,
    TaskEdge,
    TaskEvent,
)
from summit.needs import BlockReason, EdgeKind
from summit.states import (
    CLOSED,
    OPEN,
    RETRYABLE,
    STUCK,
    WAITING,
    CampaignStatus,
    SubmissionStatus,
    TaskStatus,
)
from vessel.models import Branch, Import, Membership

TERMINAL = CLOSED - RETRYABLE


class Standing:
    """A question asked after every step: its statement is made once, for making it costs more than asking it."""

    def __init__(self, query: Callable[[], QuerySet[Any, Any]]) -> None:
        self.query = query
        self.statement: tuple[str, tuple[Any, ...]] | None = None

    def rows(self) -> list[tuple[object, ...]]:
        if self.statement is None:
            self.statement = self.query().query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(*self.statement)
            return list(cursor.fetchall())


_UNMET = Count("needs", filter=Q(needs__kind=EdgeKind.HARD, needs__satisfied_at__isnull=True))
_MISCOUNTED = Standing(
    lambda: (
        BuildTask.objects.filter(status__in=sorted(WAITING))
        .annotate(unmet=_UNMET)
        .exclude(unmet=F("blockers"))
        .values_list("source_name", "status", "blockers", "unmet")
    )
)
_RUNNING = Count("attempts", filter=Q(attempts__settled_at__isnull=True))
_TORN = Standing(
    lambda: (
        BuildTask.objects.filter(status__in=[*sorted(WAITING), TaskStatus.BUILDING])
        .annotate(running=_RUNNING)
        .exclude(running=1, status=TaskStatus.BUILDING)
        .exclude(running=0, status__in=sorted(WAITING))
        .values_list("source_name", "status", "running")
    )
)
_UNAPPROVED = Standing(
    lambda: (
        BuildTask.objects.exclude(status__in=[TaskStatus.IN_REVIEW, *sorted(CLOSED)])
        .exclude(submission__status=SubmissionStatus.ACCEPTED)
        .values_list("source_name", "status", "submission__status")
    )
)
_BUILDS_NOTHING = sorted(set(CampaignStatus) - {CampaignStatus.RUNNING, CampaignStatus.READY, CampaignStatus.ABANDONED})
_OUTSIDE = Standing(
    lambda: (
        BuildTask.objects.filter(status__in=sorted(OPEN), campaign__isnull=False)
        .filter(campaign__status__in=_BUILDS_NOTHING)
        .values_list("source_name", "status", "campaign__status")
    )
)


def check_step() -> None:
    """Holds after every step, whatever died: counts agree with rows, and nobody has what is not theirs."""
    assert not (rows := _MISCOUNTED.rows()), f"blockers are miscounted: {rows}"
    assert not (rows := _TORN.rows()), f"attempts of what waits, or none of what is built: {rows}"
    assert not (rows := _UNAPPROVED.rows()), f"on its way without an approval: {rows}"
    assert not (rows := _OUTSIDE.rows()), f"open in a campaign that builds nothing: {rows}"


def check_rest(profile: Profile, *, at: Any) -> None:
    """Holds in the calm: who waits is blocked by what ended without a result, and ordering anew changes nothing."""
    for task in BuildTask.objects.open().select_related("recipe"):
        if task.block_reason == BlockReason.MISSING:
            gone = Recipe.objects.filter(removed_at__isnull=False).exists()
            assert gone, f"{task} lacks what somebody provides: {task.problem}"
            continue
        edges = TaskEdge.objects.unmet().filter(task=task)
        assert edges.filter(needs__status__in=STUCK).exists(), f"{task} is blocked by nothing: {task.problem}"
    before = standing()
    for campaign in [None, *Campaign.objects.filter(status__in=[CampaignStatus.RUNNING, CampaignStatus.READY])]:
        ordering.reorder(profile, campaign=campaign, at=at)
    assert standing() == before
    for campaign in Campaign.objects.exclude(status=CampaignStatus.DRAFT):
        left = set(campaign.tasks.all().open().values_list("status", flat=True))
        match campaign.status:
            case CampaignStatus.READY:
                assert left <= {TaskStatus.BLOCKED}
            case CampaignStatus.PUBLISHED | CampaignStatus.ABANDONED:
                assert not left, f"{campaign} is over and has open builds"
                assert campaign.dropped_at is not None, f"{campaign} is over and its stream is left"
                left_over = Branch.objects.live().filter(stream__name=campaign.stream)
                assert not left_over.exists(), f"{campaign} is over and its stream is there"
            case _:
                raise AssertionError(f"{campaign} is stuck: {campaign.status}")


def standing() -> list[tuple[object, ...]]:
    return list(BuildTask.objects.order_by("pk").values_list("pk", "status", "blockers"))


def check_histories() -> None:
    """Holds at any time: every task's events are a path, and it was published by its last try or not at all."""
    events: dict[int, list[TaskEvent]] = defaultdict(list)
    for event in TaskEvent.objects.order_by("pk"):
        events[event.task_id].append(event)
    published = set(Import.objects.filter(status="published").values_list("reference", flat=True))
    tries: dict[int, list[AttemptRef]] = defaultdict(list)
    for row in AttemptRef.objects.order_by("number"):
        tries[row.task_id].append(row)
    for task in BuildTask.objects.select_related("submission"):
        path = events[task.pk]
        assert path[-1].target == task.status, f"{task}: its latest event is not its status"
        for before, after in pairwise(path):
            assert after.source == before.target, f"{task}: {before} is followed by {after}"
            assert before.target not in TERMINAL or after.target == before.target, f"{task} went on after it was over"
            if before.target in RETRYABLE and after.target != before.target:
                assert after.target == TaskStatus.QUEUED
        taken = [row.number for row in tries[task.pk] if row.import_reference in published]
        assert len(taken) == (task.status == TaskStatus.COMPLETED), f"{task} was published by attempts {taken}"
        assert task.commit == task.submission.commit or task.submission.is_rebuild, f"{task}: not what was submitted"
        # Whatever became of a task while it was built - cancelled, given up, queued again - ends that try for good.
        began = [place for place, one in enumerate(path) if one.target == TaskStatus.BUILDING != one.source]
        firsts = [row.number for row in tries[task.pk] if not row.is_second]
        assert len(began) == len(firsts)
        assert set(taken) <= set(firsts), f"{task} was published by a second build"
        for place, number in zip(began, firsts, strict=True):
            after_it = [one.target for one in path[place:] if one.source != one.target != TaskStatus.VERIFYING]
            expected = [TaskStatus.BUILDING, TaskStatus.PUBLISHING, TaskStatus.COMPLETED]
            assert number not in taken or after_it == expected, f"{task}: attempt {number} published, and it {after_it}"


def check_pauses() -> None:
    """Holds at any time: nothing was offered while its project or its profile was paused."""
    begun: dict[object, Any] = {}
    offers = list(AttemptRef.objects.values_list("created_at", flat=True))
    for event in ControlEvent.objects.order_by("pk"):
        if event.action == Control.PAUSE:
            begun[event.profile_id] = event.at
        else:
            since = begun.pop(event.profile_id)
            # In the very second of the pause, or of its end, either order is right.
            assert not [at for at in offers if since < at < event.at], f"offered between {since} and {event.at}"


def check_stream(profile: Profile) -> None:
    """Holds at any time of the profile's own stream: all of it was built, none gets older, campaigns come whole."""
    rows = list(
        Membership.objects.filter(stream__name=profile.stream)
        .select_related("stone")
        .order_by("name", "architecture", "added_in")
    )
    tasks = BuildTask.objects.select_related("campaign").in_bulk()
    joined: dict[int, dict[int, int]] = defaultdict(dict)  # by campaign and task the version in which it came
    for one, following in pairwise(rows):
        if (one.name, one.architecture) == (following.name, following.architecture):
            older = one.stone.release, one.stone.build_release
            assert older < (following.stone.release, following.stone.build_release), f"{following} is older than {one}"
            assert one.removed_in_id is not None
    for row in rows:
        task = tasks[int(row.stone.provenance["task"])]
        assert task.status in {TaskStatus.PUBLISHING, TaskStatus.COMPLETED}, f"{row} is there and {task} {task.status}"
        assert (row.stone.release, row.stone.build_release) == (task.release, task.build_release)
        assert row.stone.provenance["commit"] == task.commit
        if task.campaign_id is not None:
            joined[task.campaign_id][task.pk] = row.added_in_id
    branches = {branch.stream.name: branch for branch in Branch.objects.select_related("stream")}
    for campaign in Campaign.objects.all():
        _check_campaign(campaign, joined[campaign.pk], branches.get(campaign.stream))


def _check_campaign(campaign: Campaign, joined: dict[int, int], branch: Branch | None) -> None:
    is_over = campaign.status in {CampaignStatus.PUBLISHING, CampaignStatus.PUBLISHED}
    if branch is None or branch.merged_in_id is None:
        assert not joined, f"{campaign.status} {campaign}: parts of it are published"
        assert campaign.status != CampaignStatus.PUBLISHED
        return
    assert is_over, f"{campaign} is merged and {campaign.status}"
    assert set(joined.values()) <= {branch.merged_in_id}, f"{campaign} was published in more than one version"
    completed = campaign.tasks.filter(status=TaskStatus.COMPLETED)
    kept = {text.split(" ")[0] for text in branch.kept}
    whole = {task.pk for task in completed if task.source_name not in kept}
    assert set(joined) == whole, f"{campaign} was published in part"
    sentence = campaign.events.filter(target=CampaignStatus.PUBLISHING).latest("pk").sentence
    confirmed = int(found[1]) if (found := re.search(r"without (\d+) builds", sentence)) else 0
    assert campaign.tasks.count() - len(completed) == confirmed, f"{campaign}: {sentence}"


def check_all_published(packages: dict[str, int]) -> None:
    """Holds in the end: every recipe at its release, once a release and build release, and nothing open."""
    assert not BuildTask.objects.open().exists()
    assert packages == dict(Recipe.objects.values_list("name", "release")), "a task was lost"
    numbered = BuildTask.objects.filter(status=TaskStatus.COMPLETED).values("recipe", "release", "build_release")
    assert not numbered.annotate(times=Count("pk")).filter(times__gt=1).exists(), "something was built twice"
