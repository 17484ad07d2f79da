"""How far a campaign is, and keeping its status true: it rests when nothing of it moves, and goes on when it does."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, Max, Sum

from summit import lifecycle, ordering
from summit.campaigns.preview import makespan, slots_for
from summit.models import AttemptRef, BuildTask, Campaign
from summit.states import IN_PROGRESS, MOVING, RETRYABLE, CampaignStatus, IllegalTransition, TaskStatus

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Counts of builds by status, and how long the rest takes, in seconds; None when nobody can tell."""

    counts: Mapping[str, int]
    remaining: float | None

    @property
    def total(self) -> int:
        """All builds of the campaign."""
        return sum(self.counts.values())

    @property
    def completed(self) -> int:
        """Those in its stream."""
        return self.counts.get(TaskStatus.COMPLETED, 0)

    @property
    def moving(self) -> int:
        """Those that go on by themselves."""
        return sum(self.counts.get(status, 0) for status in MOVING)

    @property
    def missing(self) -> int:
        """Those that would be left out if it were published when nothing moves any more."""
        return self.total - self.completed

    @property
    def blocked(self) -> int:
        """Those that cannot run until somebody acts."""
        return self.counts.get(TaskStatus.BLOCKED, 0)

    @property
    def failed(self) -> int:
        """Those that a person may order once more."""
        return sum(self.counts.get(status, 0) for status in RETRYABLE)

    def finish(self, at: datetime) -> datetime | None:
        """Says when the rest will be done at the earliest."""
        return None if self.remaining is None or not self.moving else at + timedelta(seconds=self.remaining)


def progress_of(campaign: Campaign, *, at: datetime) -> Progress:
    """Counts, and estimates what is left: the longest chain, or all the work over all the slots."""
    rows = campaign.tasks.order_by()
    counts = dict(rows.values_list("status").annotate(count=Count("pk")))
    remaining = None
    if any(counts.get(status) for status in MOVING):
        left = rows.filter(status__in=MOVING).aggregate(work=Sum("estimate_seconds"), chain=Max("priority"))
        done = _spent(campaign, at=at)
        chain = max((left["chain"] or 0.0) - done, 0.0)
        remaining = makespan(max((left["work"] or 0.0) - done, 0.0), chain, slots_for(campaign.profile, at=at))
    return Progress(counts=counts, remaining=remaining)


def _spent(campaign: Campaign, *, at: datetime) -> float:
    """Gives the seconds that builds in progress have had already, at most their estimates."""
    rows = campaign.tasks.filter(status__in=IN_PROGRESS, started_at__isnull=False)
    return sum(
        min(max((at - started).total_seconds(), 0.0), estimate)
        for started, estimate in rows.values_list("started_at", "estimate_seconds")
        if started is not None
    )


def settle(campaign: Campaign, *, at: datetime) -> None:
    """Orders its builds anew where that was asked for, and makes its status say whether anything of it moves."""
    if campaign.order_requested_at is not None:
        with transaction.atomic():
            ordering.reorder(campaign.profile, campaign=campaign, at=at)
            Campaign.objects.filter(pk=campaign.pk, order_requested_at=campaign.order_requested_at).update(
                order_requested_at=None
            )
    with suppress(IllegalTransition), transaction.atomic():
        ordering.lock(campaign.profile)
        campaign.refresh_from_db()
        is_moving = campaign.tasks.filter(status__in=MOVING).exists()
        if campaign.status == CampaignStatus.RUNNING and not is_moving:
            campaign.rest(sentence="nothing of it moves any more", at=at)
        elif campaign.status == CampaignStatus.READY and is_moving:
            campaign.go_on(sentence="a build of it was opened once more", at=at)


def retry_failed(campaign: Campaign, *, actor: "User", at: datetime) -> int:
    """Opens all its failed and cancelled builds once more and says how many; raises `IllegalTransition`."""
    with transaction.atomic():
        ended = AttemptRef.objects.unsettled().filter(task__campaign=campaign, task__status__in=RETRYABLE)
        ending = list(ended.select_for_update(of=("self",)))  # before the profile, as who settles them
        ordering.lock(campaign.profile)
        campaign.refresh_from_db()
        if not campaign.takes_builds:
            raise IllegalTransition(f"the campaign is {campaign.get_status_display().lower()}")
        tasks = list(BuildTask.objects.filter(campaign=campaign, status__in=RETRYABLE).order_by("pk"))
        for task in tasks:
            own = [attempt for attempt in ending if attempt.task_id == task.pk]
            lifecycle.open_anew(task, own, actor=actor, sentence="all that failed, once more", at=at)
        if tasks:
            ordering.reorder(campaign.profile, campaign=campaign, at=at)
    settle(campaign, at=at)
    return len(tasks)
