"""What one task's transition means for others: each function is one transaction and touches direct dependants only."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F

from summit import dispatch, doorbell, ordering
from summit.models import BuildTask, Profile, Review, Submission, TaskEdge, Verdict
from summit.needs import BlockReason
from summit.states import IllegalTransition, SubmissionStatus, TaskStatus

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


def complete(task: BuildTask, *, version: str, at: datetime) -> None:
    """Ends a published task: whoever needed it has one need fewer, and those without any are ready."""
    with transaction.atomic():
        ordering.lock(task.profile)
        task.complete(version=version, at=at)
        waiting = TaskEdge.objects.unmet().filter(needs=task)
        BuildTask.objects.filter(pk__in=waiting.values("task"), blockers__gt=0).update(blockers=F("blockers") - 1)
        waiting.update(satisfied_at=at)
        unsure = BuildTask.objects.filter(
            profile=task.profile, status=TaskStatus.BLOCKED, block_reason__in=[BlockReason.MISSING, BlockReason.CYCLE]
        )
        # A first build shows what a recipe really provides; and a newer commit may have waited for this one to end.
        if unsure.exists() or task.commit != task.recipe.commit:
            _request_plan(task.profile, at=at)
        doorbell.ring(doorbell.DISPATCH)


def fail(task: BuildTask, *, kind: str, problem: str, at: datetime, actor: "User | None" = None) -> None:
    """Ends a task without a result and blocks everything that waits for it, directly or not."""
    with transaction.atomic():
        ordering.lock(task.profile)
        task.fail(kind=kind, problem=problem, at=at, actor=actor)
        _block_dependants(task, why="failed", at=at)
        if task.commit != task.recipe.commit:
            _request_plan(task.profile, at=at)
        doorbell.ring(doorbell.DISPATCH)


def cancel(task: BuildTask, *, actor: "User | None", at: datetime, sentence: str = "") -> None:
    """Ends a task and its running attempt, and blocks what waits for it; `IllegalTransition` when it is too late."""
    with transaction.atomic():
        ordering.lock(task.profile)
        task.cancel(at=at, actor=actor, sentence=sentence or "cancelled by a person")
        dispatch.cancel(task, at=at)
        _block_dependants(task, why="was cancelled", at=at)


def retry(task: BuildTask, *, actor: "User | None", at: datetime) -> None:
    """Opens a failed or cancelled task once more and frees what it blocked.

    Raises `IllegalTransition`, also when another build of the same recipe and profile is open.
    """
    try:
        with transaction.atomic():
            ordering.lock(task.profile)
            task.retry(at=at, actor=actor)
            ordering.reorder(task.profile, at=at)
    except IntegrityError as error:
        raise IllegalTransition(f"another build of {task.source_name} for {task.profile} is open already") from error
    task.refresh_from_db()


def expedite(task: BuildTask, *, at: datetime) -> None:
    """Puts a waiting task, and what it waits for, before all others."""
    with transaction.atomic():
        ordering.lock(task.profile)
        wanted, frontier = {task.pk}, {task.pk}
        while frontier:
            frontier = set(TaskEdge.objects.unmet().filter(task__in=frontier).values_list("needs", flat=True)) - wanted
            wanted |= frontier
        BuildTask.objects.waiting().filter(pk__in=wanted).update(is_expedited=True, updated_at=at)
        doorbell.ring(doorbell.DISPATCH)


def review(submission: Submission, *, reviewer: "User", verdict: Verdict, comment: str = "", at: datetime) -> Review:
    """Lets a second person decide on a submission: its tasks are queued, or rejected.

    Raises `IllegalTransition` when it was decided already, or when the reviewer is its author.
    """
    if submission.author_id == reviewer.pk:
        raise IllegalTransition("nobody reviews their own submission")
    is_approved = verdict == Verdict.APPROVE
    with transaction.atomic():
        submission.decide(SubmissionStatus.ACCEPTED if is_approved else SubmissionStatus.REJECTED, at=at)
        given = Review.give(submission=submission, reviewer=reviewer, verdict=verdict, comment=comment, at=at)
        tasks = list(submission.tasks.filter(status=TaskStatus.IN_REVIEW).select_related("profile"))
        for task in tasks:
            if is_approved:
                task.accept(at=at, actor=reviewer, sentence=comment or "approved")
            else:
                task.reject(at=at, actor=reviewer, sentence=comment or "rejected")
        for profile in Profile.objects.filter(pk__in={task.profile_id for task in tasks}).order_by("pk"):
            ordering.reorder(profile, at=at)
    return given


def _block_dependants(task: BuildTask, *, why: str, at: datetime) -> None:
    """Follows unmet needs backwards, one query a level; in-review tasks are told when they are accepted."""
    blocked: dict[int, tuple[str, str]] = {}
    guilty = f"{task.source_name} {task.version}-{task.release}"
    frontier = [task.pk]
    while frontier:
        edges = TaskEdge.objects.unmet().filter(needs__in=frontier, task__status=TaskStatus.QUEUED).order_by("pk")
        found: dict[int, tuple[str, str]] = {}
        for key, need, name, capability in edges.values_list("task", "needs", "needs__source_name", "capability"):
            if need == task.pk:
                sentence = f"needs {guilty} for {capability}, which {why}"
            else:
                sentence = f"needs {name} for {capability}, which is blocked since {guilty} {why}"
            found.setdefault(key, (BlockReason.FAILED_NEED, sentence))
        frontier = [key for key in found if key not in blocked]
        blocked = {**found, **blocked}
    BuildTask.objects.block_all(blocked, at=at)


def _request_plan(profile: Profile, *, at: datetime) -> None:
    Profile.objects.filter(pk=profile.pk).request_plan(at=at)
    doorbell.ring(doorbell.PLAN, profile=profile.pk)
