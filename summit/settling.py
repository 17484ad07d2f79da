"""What an ended attempt and a closed import mean: each settled once, however often and however late the bell rings."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction

from serpent_infra.wire.reports import INFRASTRUCTURE_FAILURES, FailureKind
from summit import demands, dispatch, lifecycle, publishing, verification
from summit.handover import build_seconds_of, hand_over
from summit.models import AttemptRef, BuildTask, Submission
from summit.retrying import INFRASTRUCTURE_RETRIES, rest_after
from summit.states import IllegalTransition, TaskStatus

log = logging.getLogger(__name__)

REFUSED = "refused"  # the failure kind of a build whose packages the repository would not take
SUCCEEDED = "succeeded"
CANCELLED = "cancelled"
_LOOKS = 3


def settle_attempt(attempt: UUID, *, at: datetime) -> bool:
    """Commits what an ended attempt means for its task; False when there is nothing to settle.

    Built: its packages are ordered to be published, or it is to be built a second time. Failed by the packager's
    fault: the task fails. Failed by the infrastructure's: it goes back into the queue after a pause, a bounded number
    of times.
    """
    status = dispatch.attempt_of(attempt)
    if status is None or status.is_open:
        return False
    return _look_again(partial(_settle_attempt, attempt, status, at=at))


def _look_again(settle: Callable[[], None]) -> bool:
    """Settles something in a transaction; where a person decided between look and deed, the next look finds that."""
    for _ in range(_LOOKS):
        try:
            with transaction.atomic():
                settle()
        except IllegalTransition:
            continue
        return True
    return False  # the sweep will come by


def _settle_attempt(attempt: UUID, status: dispatch.AttemptStatus, *, at: datetime) -> None:
    reference = _reference(attempt)
    if reference is not None and reference.settled_at is None:
        _settle(reference, status, at=at)
    elif reference is not None and not reference.import_reference and not verification.keeps(reference):
        dispatch.release(attempt, at=at)  # it was let go before it ended
    dispatch.acknowledge(attempt, at=at)


def _reference(attempt: UUID) -> AttemptRef | None:
    rows = AttemptRef.objects.select_for_update(of=("self",))
    return rows.select_related("task__recipe__repository__project", "task__profile").filter(attempt=attempt).first()


def _settle(reference: AttemptRef, status: dispatch.AttemptStatus, *, at: datetime) -> None:
    task = reference.task
    kind = status.failure_kind.value if status.failure_kind is not None else ""
    reference.settle(
        outcome=status.status,
        failure_kind=kind,
        failure_message=status.failure_message,
        memory_peak=status.memory_peak,
        memory_limit=status.memory_limit,
        disk_peak=status.disk_peak,
        at=at,
    )
    if reference.is_second:
        verification.settle(reference, status, at=at)
    elif task.status != TaskStatus.BUILDING:
        # Cancelled, or given up, while it ran: whatever it brings is not wanted.
        dispatch.release(reference.attempt, at=at)
    elif status.status == SUCCEEDED and status.report is not None:
        _succeed(reference, status, at=at)
    elif status.status == CANCELLED:
        lifecycle.cancel(task, actor=None, at=at, sentence="its attempt was cancelled on the builder's side")
    else:
        _give_up_or_retry(reference, status, at=at)
        dispatch.release(reference.attempt, at=at)


def _succeed(reference: AttemptRef, status: dispatch.AttemptStatus, *, at: datetime) -> None:
    if reference.task.profile.verifies_builds:
        verification.begin(reference, status, at=at)
    else:
        sentence = f"built on {reference.builder}, ordered to be published"
        hand_over(reference, status, build_seconds=build_seconds_of(status, at=at), sentence=sentence, at=at)


def _give_up_or_retry(reference: AttemptRef, status: dispatch.AttemptStatus, *, at: datetime) -> None:
    task = reference.task
    kind = status.failure_kind or FailureKind.HUB
    message = status.failure_message or f"the attempt on {reference.builder} ended as {status.status}"
    if hopeless := demands.answer_shortage(task, status, at=at):
        lifecycle.fail(task, kind=kind.value, problem=f"{message.rstrip('.')}; {hopeless}", at=at)
    elif kind in INFRASTRUCTURE_FAILURES and task.infrastructure_failures < INFRASTRUCTURE_RETRIES:
        _requeue(task, sentence=f"{message}; it is tried again", at=at)
    else:
        lifecycle.fail(task, kind=kind.value, problem=message, at=at)


def _requeue(task: BuildTask, *, sentence: str, at: datetime) -> None:
    task.requeue(not_before=at + rest_after(task.infrastructure_failures), sentence=sentence, at=at)


def settle_import(reference: str, *, at: datetime) -> bool:
    """Commits what a closed import means for its task; False when there is nothing to settle.

    Published: the task completes, its dependants become ready, the builder may drop the artefacts. Refused: it fails,
    or is built again where the machines were at fault.
    """
    report = publishing.import_of(reference)
    if report is None or report.is_open:
        return False
    return _look_again(partial(_settle_import, report, at=at))


def _settle_import(report: publishing.ImportReport, *, at: datetime) -> None:
    rows = AttemptRef.objects.select_related("task__recipe", "task__profile")
    attempt = rows.filter(import_reference=report.reference).first()
    if attempt is not None:
        _end_publication(attempt, report, at=at)
        dispatch.release(attempt.attempt, at=at)
    publishing.acknowledge(report.reference, at=at)


def _end_publication(attempt: AttemptRef, report: publishing.ImportReport, *, at: datetime) -> None:
    task = attempt.task
    if task.status != TaskStatus.PUBLISHING:
        return
    if report.status == publishing.ImportStatus.PUBLISHED:
        lifecycle.complete(task, version=report.version, removed=report.removed, at=at)
        return
    problem = report.problem or "the repository refused the packages"
    if report.is_infrastructure_problem and task.infrastructure_failures < INFRASTRUCTURE_RETRIES:
        _requeue(task, sentence=f"{problem}; it is built again", at=at)
    else:
        kind = FailureKind.HUB.value if report.is_infrastructure_problem else REFUSED
        lifecycle.fail(task, kind=kind, problem=problem, at=at)


def sweep(*, at: datetime) -> int:
    """Settles whatever lost messages left: ended attempts, closed imports, tasks whose attempt or import is unknown.

    Reviews have a deadline, too: what nobody decided on in time is rejected.
    """
    settled = sum(_safely(partial(settle_attempt, attempt, at=at)) for attempt in dispatch.unsettled())
    settled += sum(_safely(partial(settle_import, reference, at=at)) for reference in publishing.unsettled())
    settled += sum(_safely(partial(_expire_review, row, at=at)) for row in _overdue_reviews(at=at))
    settled += sum(_safely(partial(_follow_decision, row, at=at)) for row in Submission.objects.forgotten())
    settled += sum(_safely(due) for due in verification.unsettled(at=at))
    return settled + _mend(at=at)


def _overdue_reviews(*, at: datetime) -> Iterable[Submission]:
    return Submission.objects.overdue(since=at - timedelta(days=settings.SERPENT_REVIEW_DAYS))


def _expire_review(submission: Submission, *, at: datetime) -> bool:
    days = settings.SERPENT_REVIEW_DAYS
    try:
        lifecycle.expire_review(submission, sentence=f"nobody reviewed it within {days} days", at=at)
    except IllegalTransition:
        return False
    return True


def _follow_decision(submission: Submission, *, at: datetime) -> bool:
    lifecycle.follow_decision(submission, at=at)
    return True


def _safely(settle: Callable[[], bool]) -> bool:
    """Settles one; a fault with one is logged, and holds up none of the others."""
    try:
        return settle()
    except Exception:
        log.exception("could not settle, the next sweep tries again: %r", settle)
        return False


def _mend(*, at: datetime) -> int:
    """Puts back tasks in progress of which the other side knows nothing: it can only be repeated, never lost."""
    mended = 0
    building = AttemptRef.objects.unsettled().filter(task__status=TaskStatus.BUILDING).select_related("task")
    known = dispatch.attempt_statuses(attempts=[row.attempt for row in building])
    for row in building:
        if row.attempt not in known:
            mended += _repeat(row, "no builder knows of the attempt; it is tried again", at=at)
    publishing_now = BuildTask.objects.filter(status=TaskStatus.PUBLISHING).prefetch_related("attempts")
    for task in publishing_now:
        # The newest of those that are imported: a second build, which is newer, never is.
        latest = max(task.attempts.all(), key=lambda row: (bool(row.import_reference), row.number), default=None)
        if latest is not None and publishing.import_of(latest.import_reference) is None:
            mended += _repeat(latest, "the repository knows nothing of the import; it is built again", at=at)
    return mended


def _repeat(reference: AttemptRef, sentence: str, *, at: datetime) -> int:
    try:
        with transaction.atomic():
            reference.settle(outcome="lost", failure_kind=FailureKind.HUB.value, failure_message=sentence, at=at)
            _requeue(reference.task, sentence=sentence, at=at)
    except IllegalTransition:
        return 0
    return 1
