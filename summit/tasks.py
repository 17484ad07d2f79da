"""summit's Celery tasks: each reads ids, makes one domain call, and may run at any time, twice, or late."""

import logging
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from summit import demands, doorbell, planning, refresh, settling, turns, webhooks, withdrawing
from summit import dispatch as dispatching
from summit.campaigns import advance
from summit.models import Campaign, Profile, Repository, Withdrawal

log = logging.getLogger(__name__)
_POLL_FACTOR = 6  # the poll runs every so many sweeps (settings/messaging.py)


@shared_task(name="summit.refresh_repositories")
def refresh_repositories(**_extra: object) -> None:
    """Rings a refresh for every repository whose latest is older than the polling interval; forgets old deliveries.

    Those that were read longest ago come first: where there are more than can be read in an interval, all take turns.
    Where a project wants it, what has been gone from git for long enough is withdrawn.
    """
    at = timezone.now()
    webhooks.prune(at=at)
    overdue = Repository.objects.refresh_overdue(at=at, interval=_polling_interval())
    for pk in overdue.longest_unread_first().values_list("pk", flat=True):
        doorbell.ring(doorbell.REFRESH, expires_seconds=_polling_interval().total_seconds(), repository=pk)
    withdrawing.withdraw_by_themselves(at=at)


@shared_task(name="summit.refresh_repository")
def refresh_repository(*, repository: int, **_extra: object) -> None:
    """Brings one repository's recipes up to date, unless that was done since it was asked for."""
    at = timezone.now()
    rows = Repository.objects.filter(pk=repository)
    row = (rows.refresh_requested(at=at) | rows.refresh_overdue(at=at, interval=_polling_interval())).first()
    if row is not None:
        refresh.refresh_repository(row, at=at)


def _polling_interval() -> timedelta:
    return timedelta(seconds=settings.SERPENT_SWEEP_SECONDS * _POLL_FACTOR * 0.9)


@shared_task(name="summit.plan")
def plan(*, profile: int, **_extra: object) -> None:
    """Plans what a profile's stream lacks, unless that was done since it was asked for."""
    row = Profile.objects.plan_overdue().filter(pk=profile).first()
    if row is not None:
        planning.plan(row, at=timezone.now())


@shared_task(name="summit.advance_campaign")
def advance_campaign(*, campaign: int, **_extra: object) -> None:
    """Takes a campaign as far as it goes."""
    row = Campaign.objects.select_related("profile__project").filter(pk=campaign).first()
    if row is not None:
        advance.advance(row, at=timezone.now())


@shared_task(name="summit.withdraw")
def withdraw(*, withdrawal: int, **_extra: object) -> None:
    """Takes the packages of a withdrawal out of their stream."""
    row = Withdrawal.objects.select_related("profile", "actor").filter(pk=withdrawal).first()
    if row is not None:
        withdrawing.advance(row, at=timezone.now())


@shared_task(name="summit.dispatch")
def dispatch(**_extra: object) -> None:
    """Gives ready tasks to free slots."""
    _dispatch()


@shared_task(name="summit.settle")
def settle(*, attempt: str, **_extra: object) -> None:
    """Settles an ended attempt, and gives its slot the next task at once."""
    settling.settle_attempt(UUID(attempt), at=timezone.now())
    _dispatch()


@shared_task(name="summit.settle_import")
def settle_import(*, reference: str, **_extra: object) -> None:
    """Settles a closed import; it frees no slot, and where it brings others nearer, that rings for a dispatch."""
    settling.settle_import(reference, at=timezone.now())


@shared_task(name="summit.sweep")
def sweep(**_extra: object) -> None:
    """Does all that lost messages left undone: settling, campaigns, planning, refreshes, dispatch."""
    at = timezone.now()
    settling.sweep(at=at)
    try:
        demands.refit(at=at)
    except Exception:
        log.exception("could not fit builds to the fleet, the next sweep tries again")
    advance.sweep(at=at)
    withdrawing.sweep(at=at)
    for profile in Profile.objects.plan_overdue().order_by("pk"):
        try:
            planning.plan(profile, at=at)
        except Exception:  # a fault with one profile holds up no other
            log.exception("could not plan %s, the next sweep tries again", profile)
    for pk in Repository.objects.refresh_requested(at=at).values_list("pk", flat=True):
        doorbell.ring(doorbell.REFRESH, expires_seconds=2 * _polling_interval().total_seconds(), repository=pk)
    _dispatch()


def _dispatch() -> None:
    """Dispatches, unless a dispatch that runs already does it once more; what is left is rung for."""
    if not turns.take_turns(lambda: dispatching.dispatch(at=timezone.now())):
        doorbell.ring(doorbell.DISPATCH)
