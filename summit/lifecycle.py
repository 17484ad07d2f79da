"""What one task's transition means for others: each function is one transaction and touches direct dependants only."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F

from serpent_infra.words import listed
from summit import dispatch, doorbell, ordering, rebuilding, surprises
from summit.models import AttemptRef, BuildTask, Campaign, Profile, Review, Submission, TaskEdge, Verdict
from summit.needs import BlockReason
from summit.states import MOVING, IllegalTransition, SubmissionStatus, TaskStatus

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User

_NAMED = 10  # packages in a sentence
GIVEN_UP = "given-up"  # the failure kind of a build that a person marked as failed


def complete(task: BuildTask, *, version: str, removed: Sequence[str] = (), at: datetime) -> None:
    """Ends a published task: whoever needed it has one need fewer, and those without any are ready.

    `removed` names packages that it made no more and that left the stream with it: the order is made anew.
    """
    with transaction.atomic():
        ordering.lock(task.profile)
        task.complete(version=version, sentence=_published(version, removed), at=at)
        missed = surprises.missed(task)  # who needs that goes on waiting until the order is made anew
        waiting = TaskEdge.objects.unmet().filter(needs=task).exclude(capability__in=missed)
        nearer = BuildTask.objects.filter(pk__in=waiting.values("task"), blockers__gt=0)
        if nearer.update(blockers=F("blockers") - 1):
            doorbell.ring(doorbell.DISPATCH)
        waiting.update(satisfied_at=at)
        if removed:  # before whoever counted on them takes a slot in vain
            ordering.reorder(task.profile, campaign=task.campaign, at=at)
        is_news = bool(missed) or surprises.may_free(task)
        if is_news and task.campaign is not None:
            Campaign.objects.filter(pk=task.campaign.pk).update(order_requested_at=at)
        elif task.campaign is None and (is_news or task.commit != task.recipe.commit):
            _request_plan(task.profile, at=at)  # a newer commit may have waited for this one to end
        _tell_campaign(task, is_asked=is_news)


def _published(version: str, removed: Sequence[str]) -> str:
    sentence = f"published in version {version}"
    if not removed:
        return sentence
    return f"{sentence}, without {listed(removed, most=_NAMED)}: the build made no such package any more"


def fail(task: BuildTask, *, kind: str, problem: str, at: datetime, actor: "User | None" = None) -> None:
    """Ends a task without a result and blocks everything that waits for it, directly or not."""
    with transaction.atomic():
        ordering.lock(task.profile)
        task.fail(kind=kind, problem=problem, at=at, actor=actor)
        _end_without_result(task, why="failed", at=at)


def cancel(task: BuildTask, *, actor: "User | None", at: datetime, sentence: str = "") -> None:
    """Ends a task and its running attempt, and blocks what waits for it; `IllegalTransition` when it is too late."""
    with transaction.atomic():
        ordering.lock(task.profile)
        task.cancel(at=at, actor=actor, sentence=sentence or "cancelled by a person")
        dispatch.cancel(task, at=at)
        _end_without_result(task, why="was cancelled", at=at)


def retry(task: BuildTask, *, actor: "User | None", at: datetime, sentence: str = "") -> None:
    """Opens a failed or cancelled task once more and frees what it blocked.

    Raises `IllegalTransition`, also when another build of the same recipe and profile is open, when the submission was
    not accepted, and when the stream has something newer.
    """
    try:
        with transaction.atomic():
            ending = list(task.attempts.unsettled().select_for_update())  # before the profile, as who settles them
            ordering.lock(task.profile)
            _check_campaign(task)
            open_anew(task, ending, actor=actor, at=at, sentence=sentence)
            ordering.reorder(task.profile, campaign=task.campaign, at=at)
            _tell_campaign(task, is_asked=True)
    except IntegrityError as error:
        raise IllegalTransition(f"another build of {task.source_name} for {task.profile} is open already") from error
    task.refresh_from_db()


def open_anew(
    task: BuildTask, ending: Iterable[AttemptRef], *, actor: "User | None", sentence: str, at: datetime
) -> None:
    """Opens a task once more and lets go of its attempts that are being ended still; the profile is locked.

    Nobody waits for these: the build may go to another slot at once, and what they bring is dropped.
    """
    submission = Submission.objects.get(pk=task.submission_id)
    if submission.status != SubmissionStatus.ACCEPTED:  # a cancel and a retry are no way round the review
        raise IllegalTransition(f"the submission of {task} is {submission.get_status_display().lower()}")
    rebuilding.number_anew(task)
    task.retry(at=at, actor=actor, sentence=sentence)
    for attempt in ending:
        attempt.settle(outcome="cancelled", failure_message="the build was ordered once more", at=at)


def _check_campaign(task: BuildTask) -> None:
    """Raises `IllegalTransition` where a task's campaign is over, or about to be."""
    if task.campaign_id is not None:
        campaign = Campaign.objects.get(pk=task.campaign_id)
        if not campaign.takes_builds:
            raise IllegalTransition(f"the campaign of {task} is {campaign.get_status_display().lower()}")


def give_up(task: BuildTask, *, actor: "User", why: str, at: datetime) -> None:
    """Marks a task as failed because a person says so, ends its running attempt, and blocks what waits for it.

    Raises `IllegalTransition` when it is over, in review, or too late.
    """
    with transaction.atomic():
        ordering.lock(task.profile)
        task.give_up(kind=GIVEN_UP, problem=why or "marked as failed by a person", at=at, actor=actor)
        dispatch.cancel(task, at=at)
        _end_without_result(task, why="was marked as failed", at=at)


def expedite(task: BuildTask, *, actor: "User", why: str = "", at: datetime) -> None:
    """Puts a waiting task, and what it waits for, before all others; raises `IllegalTransition` when it waits no more.

    Each that moves says so in an event of its own.
    """
    with transaction.atomic():
        ordering.lock(task.profile)
        wanted, frontier = {task.pk}, {task.pk}
        while frontier:
            frontier = set(TaskEdge.objects.unmet().filter(task__in=frontier).values_list("needs", flat=True)) - wanted
            wanted |= frontier
        sentence = "put before all others" + (f": {why}" if why else "")
        others = f"put before all others, because {task.source_name} waits for it"
        sentences = {key: sentence if key == task.pk else others for key in wanted}
        if task.pk not in BuildTask.objects.expedite_all(sentences, actor=actor, at=at):
            task.refresh_from_db(fields=["status", "is_expedited"])
            state = "put before all others already" if task.is_expedited else TaskStatus(task.status).label.lower()
            raise IllegalTransition(f"{task} is {state}")
        doorbell.ring(doorbell.DISPATCH)
    task.refresh_from_db(fields=["status", "is_expedited", "updated_at"])


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
        _follow_decision(submission, actor=reviewer, sentence=comment or submission.get_status_display().lower(), at=at)
    return given


def expire_review(submission: Submission, *, sentence: str, at: datetime) -> None:
    """Rejects a submission on which nobody decided in time; `IllegalTransition` when somebody just did."""
    with transaction.atomic():
        submission.decide(SubmissionStatus.REJECTED, at=at, sentence=sentence)
        _follow_decision(submission, actor=None, sentence=sentence, at=at)


def follow_decision(submission: Submission, *, at: datetime) -> None:
    """Does for tasks that joined a submission while it was being decided what was done for the others."""
    with transaction.atomic():
        sentence = submission.decision or f"the submission was {submission.get_status_display().lower()} meanwhile"
        _follow_decision(submission, actor=None, sentence=sentence, at=at)


def _follow_decision(submission: Submission, *, actor: "User | None", sentence: str, at: datetime) -> None:
    undecided = submission.tasks.filter(status=TaskStatus.IN_REVIEW)
    profiles = list(Profile.objects.filter(pk__in=undecided.values("profile")).order_by("pk"))
    for profile in profiles:
        ordering.lock(profile)  # before the tasks, as everywhere, so that nobody waits for each other
    for task in undecided.filter(profile__in=profiles):
        if submission.status == SubmissionStatus.ACCEPTED:
            task.accept(at=at, actor=actor, sentence=sentence)
        else:
            task.reject(at=at, actor=actor, sentence=sentence)
    for profile in profiles:
        ordering.reorder(profile, at=at)


def _block_dependants(task: BuildTask, *, why: str, at: datetime) -> None:
    """Follows unmet needs backwards, one query a level; in-review tasks are told when they are accepted.

    Whoever waited for one of these only because it is implied goes on without it, and waits for what it waited for.
    """
    blocked: dict[int, tuple[str, str]] = {}
    guilty = f"{task.source_name} {task.version}-{task.release}"
    frontier = [task.pk]
    while frontier:
        edges = TaskEdge.objects.unmet().holding().filter(needs__in=frontier, task__status=TaskStatus.QUEUED)
        found: dict[int, tuple[str, str]] = {}
        fields = ("task", "needs", "needs__source_name", "capability")
        for key, need, name, capability in edges.order_by("pk").values_list(*fields):
            if need == task.pk:
                sentence = f"needs {guilty} for {capability}, which {why}"
            else:
                sentence = f"needs {name} for {capability}, which is blocked since {guilty} {why}"
            found.setdefault(key, (BlockReason.FAILED_NEED, sentence))
        frontier = [key for key in found if key not in blocked]
        blocked = {**found, **blocked}
    BuildTask.objects.block_all(blocked, at=at)
    if TaskEdge.objects.filter(needs__in=[task.pk, *blocked]).give_way():
        ordering.reorder(task.profile, campaign=task.campaign, at=at)


def _end_without_result(task: BuildTask, *, why: str, at: datetime) -> None:
    """Blocks what waits for a task that ended, and asks for a plan where a newer commit waited for that end."""
    _block_dependants(task, why=why, at=at)
    if task.campaign_id is None and task.commit != task.recipe.commit:
        _request_plan(task.profile, at=at)
    _tell_campaign(task)
    doorbell.ring(doorbell.DISPATCH)


def _tell_campaign(task: BuildTask, *, is_asked: bool = False) -> None:
    """Advances a task's campaign, if it has one, at once: where there is something to do, or nothing of it moves."""
    if task.campaign_id is None:
        return
    if is_asked or not BuildTask.objects.filter(campaign=task.campaign_id, status__in=MOVING).exists():
        doorbell.ring(doorbell.CAMPAIGN, campaign=task.campaign_id)


def _request_plan(profile: Profile, *, at: datetime) -> None:
    Profile.objects.filter(pk=profile.pk).request_plan(at=at)
    doorbell.ring(doorbell.PLAN, profile=profile.pk)
