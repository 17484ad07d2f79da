"""A person's word on whether a submission mends a vulnerability: its builds, and what they wait for, go first then."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from summit import doorbell, ordering
from summit.models import BuildTask, Profile, Submission, TaskEdge, moves
from summit.states import OPEN, RETRYABLE, WAITING, IllegalTransition

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User

# A failed or cancelled build keeps the mark for when it is ordered once more.
_CONCERNED = OPEN | RETRYABLE


def mark(submission: Submission, *, actor: "User", why: str = "", at: datetime) -> None:
    """Marks a submission's builds as security, and what they wait for; each says so in an event of its own.

    Raises `IllegalTransition` when it is marked already, or when none of its builds can still be built.
    """
    with transaction.atomic():
        own = _take(submission, is_security=True)
        others = _waited_for(own)
        plain = BuildTask.objects.filter(pk__in=others, is_security=False).values_list("pk", flat=True)
        sentences = {key: f"marked as security, because {others[key]} waits for it" for key in plain}
        sentences |= dict.fromkeys(own, "marked as security" + (f": {why}" if why else ""))
        moves.mark_security(BuildTask.objects.all(), sentences, is_security=True, actor=actor, at=at)
        doorbell.ring(doorbell.DISPATCH)


def unmark(submission: Submission, *, actor: "User", why: str = "", at: datetime) -> None:
    """Takes the mark from a submission's builds and from what they wait for, except what other security builds need.

    Raises `IllegalTransition` when it is not marked, or when none of its builds can still be built.
    """
    with transaction.atomic():
        own = _take(submission, is_security=False)
        others = _waited_for(own)
        urgent = BuildTask.objects.waiting().filter(submission__is_security=True)
        urgent = urgent.filter(profile__in=submission.tasks.values("profile"))
        kept = _waited_for(dict(urgent.values_list("pk", "source_name")))
        because = f": {why}" if why else ""
        inherited = BuildTask.objects.filter(pk__in=others.keys() - kept.keys(), is_security=True)
        freed = {
            key: f"no longer marked as security, as {others[key]} is not, which waits for it"
            for key in inherited.exclude(submission__is_security=True).values_list("pk", flat=True)
        }
        freed |= dict.fromkeys(own.keys() - kept.keys(), f"no longer marked as security{because}")
        still = {
            key: f"still marked as security, because {kept[key]} waits for it; its submission no longer is{because}"
            for key in own.keys() & kept.keys()
        }
        moves.mark_security(BuildTask.objects.all(), freed, is_security=False, actor=actor, at=at)
        moves.mark_security(BuildTask.objects.all(), still, is_security=True, actor=actor, at=at)
        doorbell.ring(doorbell.DISPATCH)


def _take(submission: Submission, *, is_security: bool) -> dict[int, str]:
    """Changes the submission and gives the names of its builds that this concerns, by id."""
    # Plans make builds of a submission under these locks: before everything else, and always in one order.
    for profile in Profile.objects.filter(project=submission.repository.project_id).order_by("pk"):
        ordering.lock(profile)
    own = dict(submission.tasks.filter(status__in=_CONCERNED).values_list("pk", "source_name"))
    if not own:
        raise IllegalTransition("all builds of the submission are over")
    submission.mark_security(is_security=is_security)
    return own


def _waited_for(builds: Mapping[int, str]) -> dict[int, str]:
    """Finds what builds wait for, directly or not, each with the name of one that waits for it; a query a level."""
    found: dict[int, str] = {}
    frontier = dict(builds)
    while frontier:
        waiting = TaskEdge.objects.unmet().filter(task__in=frontier, task__status__in=WAITING, needs__status__in=OPEN)
        edges = waiting.order_by("-pk").values_list("task__source_name", "needs", "needs__source_name")
        rows = [row for row in edges if row[1] not in found]
        found |= {needs: name for name, needs, _ in rows}
        frontier = {needs: name for _, needs, name in rows}
    return found
