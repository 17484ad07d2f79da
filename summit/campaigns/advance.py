"""Takes a campaign as far as it goes now: what a ring asks for, and what the sweep does where no ring came."""

import logging
from datetime import datetime

from summit.campaigns import ending, progress, starting
from summit.models import Campaign
from summit.states import CampaignStatus

log = logging.getLogger(__name__)


def advance(campaign: Campaign, *, at: datetime) -> None:
    """Starts it, publishes it, clears up after it, or makes its status true, as its status asks for."""
    match campaign.status:
        case CampaignStatus.STARTING:
            starting.begin(campaign, at=at)
        case CampaignStatus.RUNNING | CampaignStatus.READY:
            progress.settle(campaign, at=at)
        case CampaignStatus.PUBLISHING:
            ending.finish(campaign, at=at)
        case CampaignStatus.PUBLISHED | CampaignStatus.ABANDONED:
            if campaign.dropped_at is None:
                ending.clear(campaign, at=at)


def sweep(*, at: datetime) -> None:
    """Advances every campaign for which there may be something to do."""
    for campaign in Campaign.objects.to_sweep().select_related("profile__project"):
        try:
            advance(campaign, at=at)
        except Exception:  # a fault with one campaign holds up no other
            log.exception("could not advance campaign %s, the next sweep tries again", campaign.pk)
