"""Withdrawing what is left of recipes that are gone: a person says so with a reason, a worker does it, once.

The word is committed first; a ring, or the sweep where that is lost, has the repository publish a version without the
packages. Done twice it is done once. Nothing goes by itself unless the project says so (`withdraws_after_days`).
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from summit import doorbell, publishing
from summit.leftovers import Leftover, leftovers, readers_of, relying_on
from summit.models import BuildTask, Profile, Project, Withdrawal
from summit.states import IN_PROGRESS, IllegalTransition, WithdrawalStatus

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User

log = logging.getLogger(__name__)

_REST = timedelta(days=1)  # before what was refused is tried by itself again


class Unconfirmed(Exception):
    """Something needs what would go, and the person did not say that it shall go anyway; the text counts it."""


def order(
    leftover: Leftover, *, actor: "User", reason: str, seen: str, is_confirmed: bool, at: datetime
) -> list[Withdrawal]:
    """Orders all packages of a leftover to be withdrawn, one withdrawal for each profile.

    `seen` is the leftover's as the person saw it. Raises `IllegalTransition` where other packages of it are published
    by now, where a build of it is under way and where it is being withdrawn already; `Unconfirmed` where something
    needs it.
    """
    name = leftover.source_name
    if seen != leftover.seen:
        raise IllegalTransition(f"other packages of {name} are published by now: look again")
    profiles = [place.profile for place in leftover.places]
    busy = BuildTask.objects.filter(profile__in=profiles, source_name=name, campaign=None, status__in=IN_PROGRESS)
    if busy.exists():
        raise IllegalTransition(f"a build of {name} is under way: cancel it first, or wait for its end")
    if not is_confirmed:
        reliance = relying_on(leftover)
        if not reliance.is_empty:
            raise Unconfirmed(f"{reliance.sentence}: say that {name} shall go anyway")
    return _order(leftover, actor=actor, reason=reason, at=at)


def _order(leftover: Leftover, *, actor: "User | None", reason: str, at: datetime) -> list[Withdrawal]:
    try:
        with transaction.atomic():
            rows = [
                Withdrawal.order(
                    profile=place.profile,
                    repository=leftover.recipe.repository,
                    source_name=leftover.source_name,
                    packages=[str(package) for package in place.packages],
                    reason=reason,
                    actor=actor,
                    at=at,
                )
                for place in leftover.places
            ]
            for row in rows:
                doorbell.ring(doorbell.WITHDRAW, withdrawal=row.pk)
    except IntegrityError as error:
        raise IllegalTransition(f"{leftover.source_name} is being withdrawn already") from error
    return rows


def advance(withdrawal: Withdrawal, *, at: datetime) -> None:
    """Does what was ordered, or notes why it cannot be; nothing where that is noted already.

    Where the repository's disk fails that is noted as well, and the next sweep goes on.
    """
    if withdrawal.status != WithdrawalStatus.ORDERED:
        return
    who = withdrawal.actor.get_username() if withdrawal.actor is not None else ""
    try:
        done = publishing.withdraw(withdrawal, who=who, at=at)
    except publishing.StreamUnfit as error:
        with suppress(IllegalTransition):  # another worker found the same
            withdrawal.refuse(problem=str(error), at=at)
        return
    except OSError as error:  # taken back there
        log.warning("could not withdraw %s, the next sweep tries again: %s", withdrawal, error)
        withdrawal.note_problem(f"the repository's disk failed: {error.strerror or error}; it is tried again")
        return
    with suppress(IllegalTransition), transaction.atomic():  # another worker did, with the same result
        withdrawal.finish(version=done.version, removed=list(done.removed), at=at)
        readers = readers_of(withdrawal.profile)
        Profile.objects.filter(pk__in=[reader.pk for reader in readers]).request_plan(at=at)
        for reader in readers:  # whoever counted on it is to know before it takes a slot in vain
            doorbell.ring(doorbell.PLAN, profile=reader.pk)


def sweep(*, at: datetime) -> None:
    """Does what was ordered and whose ring was lost."""
    for row in Withdrawal.objects.pending().select_related("profile", "actor"):
        try:
            advance(row, at=at)
        except Exception:  # a fault with one holds up no other
            log.exception("could not withdraw %s, the next sweep tries again", row)


def withdraw_by_themselves(*, at: datetime) -> int:
    """Orders what has been gone for as long as its project says and nothing needs; says how many recipes of it."""
    count = 0
    for project in Project.objects.exclude(withdraws_after_days=None).order_by("pk"):
        days = timedelta(days=project.withdraws_after_days or 0)
        for leftover in leftovers(project):
            if leftover.gone_at is None or leftover.gone_at + days > at or _was_tried(leftover, at=at):
                continue
            if not relying_on(leftover).is_empty:
                continue
            reason = f"gone from git for {days.days} days or more, and nothing needs it"
            with suppress(IllegalTransition):
                _order(leftover, actor=None, reason=reason, at=at)
                count += 1
    return count


def _was_tried(leftover: Leftover, *, at: datetime) -> bool:
    profiles = [place.profile for place in leftover.places]
    tried = Withdrawal.objects.filter(profile__in=profiles, source_name=leftover.source_name, actor=None)
    return tried.filter(ordered_at__gt=at - _REST).exists()
