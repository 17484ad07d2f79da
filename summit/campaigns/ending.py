"""The two ends of a campaign: all of it is published in one version, or none of it. Both outlive a crash at any point.

A person's word is committed first; a worker, or the sweep, does what it means, and finds what was done before.
"""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from summit import dispatch, doorbell, ordering, publishing
from summit.campaigns import progress
from summit.models import BuildTask, Campaign, Profile
from summit.states import CampaignStatus, IllegalTransition, TaskStatus

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


def publish(campaign: Campaign, *, without: int = 0, why: str = "", actor: "User", at: datetime) -> None:
    """Orders all of a campaign to be published as one; `without` is the number of its builds that have no result.

    Raises `IllegalTransition` while something of it moves, when nothing was built, and when `without` is another number
    than the one that is true now: nobody leaves builds out that they did not know of.
    """
    progress.settle(campaign, at=at)
    with transaction.atomic():
        ordering.lock(campaign.profile)
        found = progress.progress_of(campaign, at=at)
        campaign.refresh_from_db()
        if campaign.status == CampaignStatus.RUNNING:
            raise IllegalTransition(f"{found.moving} of its builds still go on")
        if campaign.status == CampaignStatus.READY:
            _check(found, without)
        sentence = f"to be published{f' without {without} builds' if without else ''}{f': {why}' if why else ''}"
        campaign.order_publication(actor=actor, sentence=sentence, at=at)
        campaign.tasks.all().cancel_all(actor=actor, sentence="the campaign is published without it", at=at)
        doorbell.ring(doorbell.CAMPAIGN, campaign=campaign.pk)


def _check(found: progress.Progress, without: int) -> None:
    if not found.completed:
        raise IllegalTransition("nothing of it was built")
    if found.missing != without:
        raise IllegalTransition(
            f"{found.missing} of its {found.total} builds have no result: publishing it without them must be confirmed "
            f"with that number, not {without}"
        )


def finish(campaign: Campaign, *, at: datetime) -> None:
    """Publishes a campaign that was ordered to be: one new version of the profile's stream holds all of it."""
    order = campaign.events.filter(target=CampaignStatus.PUBLISHING).latest("pk")
    who = order.actor.get_username() if order.actor is not None else ""
    why = f"campaign {campaign.pk}: {campaign.title}"
    try:
        merged = publishing.merge(campaign, who=who, why=why, at=at)
    except publishing.StreamUnfit as error:
        with suppress(IllegalTransition):  # another worker found the same
            campaign.fail_to_publish(problem=str(error), at=at)
        campaign.refresh_from_db()
        return
    sentence = f"published in version {merged.version}"
    if merged.kept:
        sentence += f"; the stream had {len(merged.kept)} newer, or gone since, and keeps to that"
    try:
        with transaction.atomic():
            campaign.publish(version=merged.version, kept=list(merged.kept), sentence=sentence, at=at)
            Profile.objects.filter(pk=campaign.profile_id).request_plan(at=at)
            doorbell.ring(doorbell.PLAN, profile=campaign.profile_id)
    except IllegalTransition:  # another worker did, with the same result
        campaign.refresh_from_db()
        return
    clear(campaign, at=at)


def abandon(campaign: Campaign, *, why: str = "", actor: "User", at: datetime) -> None:
    """Ends a campaign without a trace in the profile's stream; raises `IllegalTransition` when it is too late."""
    with transaction.atomic():
        ordering.lock(campaign.profile)
        campaign.abandon(actor=actor, sentence=why or "abandoned by a person", at=at)
        _stop(campaign, actor=actor, at=at)
        doorbell.ring(doorbell.CAMPAIGN, campaign=campaign.pk)


def _stop(campaign: Campaign, *, actor: "User | None", at: datetime) -> None:
    """Cancels what can be cancelled; an import under way ends by itself."""
    sentence = "its campaign was abandoned"
    campaign.tasks.all().cancel_all(actor=actor, sentence=sentence, at=at)
    running = (TaskStatus.BUILDING, TaskStatus.VERIFYING)
    for task in BuildTask.objects.filter(campaign=campaign, status__in=running).order_by("pk"):
        with suppress(IllegalTransition):  # it has just been built: its import ends by itself
            task.cancel(at=at, actor=actor, sentence=sentence)
            dispatch.cancel(task, at=at)


def clear(campaign: Campaign, *, at: datetime) -> None:
    """Drops the stream of a campaign that is over, once nothing is on its way there any more."""
    if campaign.status == CampaignStatus.ABANDONED:
        with transaction.atomic():
            ordering.lock(campaign.profile)
            _stop(campaign, actor=None, at=at)  # what came back into the queue after it was abandoned
    if campaign.tasks.all().open().exists():
        return
    if publishing.drop(campaign, at=at):
        Campaign.objects.filter(pk=campaign.pk, dropped_at__isnull=True).update(dropped_at=at)
        campaign.refresh_from_db(fields=["dropped_at"])
