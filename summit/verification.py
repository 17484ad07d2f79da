"""Builds made twice: what the first attempt built is kept until a builder of another owner built the same, or did not.

Every end is decided here, by the report of a second attempt or by the sweep: equal bit for bit, it is published;
different, or built by one of them only, it fails; undecided until a deadline, it fails as well. See ADR 0013.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from serpent_infra.wire.reports import INFRASTRUCTURE_FAILURES, FailureKind
from serpent_infra.words import duration
from summit import demands, dispatch, lifecycle
from summit.comparison import compare
from summit.handover import build_seconds_of, hand_over
from summit.models import AttemptRef, BuildTask, Finding, Verification, VerificationPolicy
from summit.retrying import INFRASTRUCTURE_RETRIES, rest_after
from summit.states import IllegalTransition, TaskStatus

# The kinds of failure of builds that were made twice, and of those that should have been.
NOT_REPRODUCIBLE = "not-reproducible"
NOT_VERIFIED = "not-verified"

_FRESH = 0.9  # of its patience: a time that stands is moved on when it falls below that
_HELD = Q(task__profile__is_paused=True) | Q(task__profile__project__is_paused=True) | ~Q(task__profile__plan_error="")


def patience() -> timedelta:
    """Gives how long a build waits for a builder of another owner; while its profile is paused, that time stands."""
    return timedelta(hours=settings.SERPENT_VERIFICATION_HOURS)


def begin(reference: AttemptRef, status: dispatch.AttemptStatus, *, at: datetime) -> None:
    """Keeps what an attempt built and lets its task wait for a second build."""
    task = reference.task
    for earlier in Verification.objects.open().select_related("built").filter(task=task):
        _end(earlier, Finding.DROPPED, at=at)  # of a build that was cancelled, and is made once more
    Verification.begin(built=reference, owner=status.owner, at=at, patience=patience())
    sentence = f"built on {reference.builder}, to be built a second time by a builder of another owner"
    task.verify(build_seconds=build_seconds_of(status, at=at), at=at, sentence=sentence)


def keeps(reference: AttemptRef) -> bool:
    """Says whether what an attempt built is wanted until it is built a second time."""
    return Verification.objects.open().filter(built=reference).exists()


def settle(reference: AttemptRef, status: dispatch.AttemptStatus, *, at: datetime) -> None:
    """Commits what the end of a second attempt means; nobody wants what it built itself."""
    rows = Verification.objects.running().with_task().select_for_update(of=("self",))
    found = rows.filter(second=reference).first()
    if found is not None:
        if status.report is not None and status.status == "succeeded":
            _compare(found, status, at=at)
        elif status.failure_kind is None or status.failure_kind in INFRASTRUCTURE_FAILURES:
            message = status.failure_message.rstrip(".") or f"its attempt ended as {status.status}"
            hopeless = demands.answer_shortage(found.task, status, at=at)
            _try_another(found, message, hopeless=hopeless, at=at)
        else:
            message = f"{status.failure_message.rstrip('.') or 'it failed'} ({status.failure_kind.value})"
            problem = f"{found.first_place} built it, and {found.second_place} could not: {message}"
            _fail(found, NOT_REPRODUCIBLE, problem, Finding.DIFFERENT, at=at)
    dispatch.release(reference.attempt, at=at)


def _compare(found: Verification, status: dispatch.AttemptStatus, *, at: datetime) -> None:
    first = dispatch.attempt_of(found.built.attempt)
    if first is None or first.report is None or status.report is None:
        _build_anew(found, at=at)
    elif difference := compare(first.report.artefacts, status.report.artefacts):
        problem = f"{found.second_place} did not build the same as {found.first_place}: {difference}"
        _fail(found, NOT_REPRODUCIBLE, problem, Finding.DIFFERENT, at=at)
    else:
        found.end(Finding.SAME, at=at)
        sentence = f"{found.second_place} built the same, bit for bit; ordered to be published"
        _publish(found, first, sentence=sentence, at=at)


def _publish(found: Verification, first: dispatch.AttemptStatus, *, sentence: str, at: datetime) -> None:
    task = found.built.task = found.task
    hand_over(found.built, first, build_seconds=task.build_seconds or 0.0, sentence=sentence, at=at)


def _try_another(found: Verification, message: str, *, hopeless: str = "", at: datetime) -> None:
    """Lets another builder try, a bounded number of times."""
    if hopeless or found.failures >= INFRASTRUCTURE_RETRIES:
        reason = hopeless or f"{found.failures + 1} tries came to nothing"
        problem = f"{found.first_place} built it, and no other builder could build it a second time: {reason}"
        _fail(found, NOT_VERIFIED, f"{problem}; {found.second_place}: {message}", Finding.UNDECIDED, at=at)
    else:
        sentence = f"{found.second_place}: {message}; its second build is tried again"
        found.rest(not_before=at + rest_after(found.failures))
        found.task.wait_again(at=at, sentence=sentence)


def _fail(found: Verification, kind: str, problem: str, finding: Finding, *, at: datetime) -> None:
    _end(found, finding, at=at)
    lifecycle.fail(found.task, kind=kind, problem=problem, at=at)


def _end(found: Verification, finding: Finding, *, at: datetime) -> None:
    """Ends a verification whose first build is not going to be published."""
    found.end(finding, at=at)
    dispatch.release(found.built.attempt, at=at)


def _build_anew(found: Verification, *, at: datetime) -> None:
    """Puts a build back into the queue of which nobody knows any more what was built."""
    _end(found, Finding.DROPPED, at=at)
    sentence = f"nobody knows any more what {found.first_place} built; it is built again"
    found.task.requeue(not_before=at + rest_after(found.task.infrastructure_failures), sentence=sentence, at=at)


# The sweep: whatever a lost message, a person's decision or the clock left undone


def unsettled(*, at: datetime) -> list[Callable[[], bool]]:
    """Lists what is to be done about second builds now, each in a transaction of its own; two queries where nothing is.

    What ended otherwise, by a person's order say, lets go of what it kept; an attempt that no builder knows of is
    repeated; what nobody could build a second time in time fails; and of what is to be built a second time no longer
    the first build is published.
    """
    ended = ~Q(task__status=TaskStatus.VERIFYING)
    unwanted = Q(task__profile__verification=VerificationPolicy.NONE)
    standing = _HELD & Q(until__lt=at + patience() * _FRESH)
    rows = Verification.objects.open().filter(ended | unwanted | standing | Q(until__lte=at) | Q(is_building=True))
    found = list(rows.select_related("task", "second"))
    building = [row.second.attempt for row in found if row.is_building and row.second is not None]
    known = dispatch.attempt_statuses(attempts=building) if building else {}
    todo = [
        partial(_decide, row.pk, at=at)
        for row in found
        if row.task.status != TaskStatus.VERIFYING or row.second is None or row.second.attempt not in known
    ]
    kept = Verification.objects.open().values("task")
    lost = BuildTask.objects.filter(status=TaskStatus.VERIFYING).exclude(pk__in=kept)
    return [*todo, *(partial(_restart, task, at=at) for task in lost)]


def _decide(key: int, *, at: datetime) -> bool:
    try:
        with transaction.atomic():
            found = Verification.objects.open().with_task().select_for_update(of=("self",)).filter(pk=key).first()
            return found is not None and _go_on(found, at=at)
    except IllegalTransition:
        return False


def _go_on(found: Verification, *, at: datetime) -> bool:
    """Does what is due about one, whose row is locked; False where nothing is."""
    profile = found.task.profile
    if found.task.status != TaskStatus.VERIFYING:
        _end(found, Finding.DROPPED, at=at)
    elif found.is_building:
        return _miss(found, at=at)
    elif not profile.verifies_builds:
        _publish_unverified(found, at=at)
    elif profile.is_paused or profile.project.is_paused or profile.plan_error:
        Verification.objects.filter(pk=found.pk).update(until=at + patience())
    elif found.until <= at:
        _give_up(found, at=at)
    else:
        return False
    return True


def _miss(found: Verification, *, at: datetime) -> bool:
    """Repeats a second attempt of which no builder knows."""
    if found.second is None or dispatch.attempt_of(found.second.attempt) is not None:
        return False
    message = "no builder knows of the attempt"
    found.second.settle(outcome="lost", failure_kind=FailureKind.HUB.value, failure_message=message, at=at)
    _try_another(found, message, at=at)
    return True


def _publish_unverified(found: Verification, *, at: datetime) -> None:
    first = dispatch.attempt_of(found.built.attempt)
    if first is None or first.report is None:
        _build_anew(found, at=at)
        return
    found.end(Finding.DROPPED, at=at)
    sentence = f"its profile asks for no second build any more; what {found.first_place} built is to be published"
    _publish(found, first, sentence=sentence, at=at)


def _give_up(found: Verification, *, at: datetime) -> None:
    waited = duration(at - found.began_at)
    problem = f"{found.first_place} built it, and within {waited} no builder of another owner built it a second time"
    _fail(found, NOT_VERIFIED, problem, Finding.UNDECIDED, at=at)


def _restart(task: BuildTask, *, at: datetime) -> bool:
    """Builds again what waits for a second build while nothing of the first is kept."""
    sentence = "nobody knows what was built first; it is built again"
    try:
        with transaction.atomic():
            task.requeue(not_before=at + rest_after(task.infrastructure_failures), sentence=sentence, at=at)
    except IllegalTransition:
        return False
    return True
