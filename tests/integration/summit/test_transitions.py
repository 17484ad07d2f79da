"""Submissions, refreshes and pauses in the database: every verb from every status, and who comes second loses."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from summit import controls, lifecycle
from summit.models import ControlEvent, Profile, Project, Repository, Review, Submission, Verdict
from summit.states import IllegalTransition, RefreshStatus, SubmissionStatus, TaskStatus
from tests.factories.summit import AT, make_recipe, make_task, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]

LATER = AT + timedelta(minutes=5)


def make_submission(repository: Repository, profile: Profile, status: SubmissionStatus) -> Submission:
    """Makes a submission with a build that waits for the same."""
    task = make_task(make_recipe(repository, "zlib"), profile, TaskStatus.IN_REVIEW)
    Submission.objects.update(status=status)
    task.submission.refresh_from_db()
    return task.submission


# Each ends the review; what becomes of the submission and of its builds.
DECISIONS: dict[str, tuple[Callable[[Submission], object], SubmissionStatus, TaskStatus]] = {
    "approve": (
        lambda row: lifecycle.review(row, reviewer=make_user("rex"), verdict=Verdict.APPROVE, at=LATER),
        SubmissionStatus.ACCEPTED,
        TaskStatus.QUEUED,
    ),
    "reject": (
        lambda row: lifecycle.review(row, reviewer=make_user("rex"), verdict=Verdict.REJECT, at=LATER),
        SubmissionStatus.REJECTED,
        TaskStatus.REJECTED,
    ),
    "expire": (
        lambda row: lifecycle.expire_review(row, sentence="nobody came", at=LATER),
        SubmissionStatus.REJECTED,
        TaskStatus.REJECTED,
    ),
}


@pytest.mark.parametrize("status", SubmissionStatus)
@pytest.mark.parametrize("verb", DECISIONS)
def test_a_submission_is_decided_once(
    profile: Profile, repository: Repository, verb: str, status: SubmissionStatus
) -> None:
    decide, target, of_builds = DECISIONS[verb]
    submission = make_submission(repository, profile, status)
    if status != SubmissionStatus.IN_REVIEW:
        with pytest.raises(IllegalTransition, match="decided already"):
            decide(submission)
        assert Submission.objects.get().status == status
        assert submission.tasks.get().status == TaskStatus.IN_REVIEW
        assert not Review.objects.exists()
        return
    decide(submission)
    stored = Submission.objects.get()
    assert (stored.status, stored.decided_at) == (target, LATER)
    assert submission.status == target
    task = submission.tasks.get()
    event = task.events.get()
    assert (task.status, event.source, event.target) == (of_builds, TaskStatus.IN_REVIEW, of_builds)
    assert (event.actor is None) == (verb == "expire")
    assert Review.objects.exists() == (verb != "expire")


@pytest.mark.parametrize("verb", DECISIONS)
def test_whoever_decides_second_is_told(profile: Profile, repository: Repository, verb: str) -> None:
    early = make_submission(repository, profile, SubmissionStatus.IN_REVIEW)
    lifecycle.expire_review(Submission.objects.get(), sentence="nobody came", at=AT)
    with pytest.raises(IllegalTransition):
        DECISIONS[verb][0](early)
    assert Submission.objects.get().decision == "nobody came"


def test_nobody_reviews_their_own(profile: Profile, repository: Repository) -> None:
    submission, author = make_submission(repository, profile, SubmissionStatus.IN_REVIEW), make_user()
    submission.author = author
    submission.save(update_fields=["author"])
    with pytest.raises(IllegalTransition, match="their own"):
        lifecycle.review(submission, reviewer=author, verdict=Verdict.APPROVE, at=LATER)


ENDS: dict[str, tuple[Callable[[Repository], None], RefreshStatus]] = {
    "finish": (lambda row: row.finish_refresh(at=LATER, commit="b" * 40), RefreshStatus.IDLE),
    "fail": (lambda row: row.fail_refresh(at=LATER, error="no such branch"), RefreshStatus.FAILED),
}


@pytest.mark.parametrize("status", RefreshStatus)
@pytest.mark.parametrize("verb", ENDS)
def test_a_refresh_ends_where_one_is_under_way(repository: Repository, verb: str, status: RefreshStatus) -> None:
    end, target = ENDS[verb]
    Repository.objects.update(status=status, commit="a" * 40)
    repository.refresh_from_db()
    if status != RefreshStatus.REFRESHING:
        with pytest.raises(IllegalTransition):
            end(repository)
        assert Repository.objects.get().status == status
        return
    Repository.objects.update(refresh_started_at=AT)
    repository.refresh_from_db()
    end(repository)
    stored = Repository.objects.get()
    assert (stored.status, stored.refreshed_at) == (target, LATER)
    assert stored.error == ("" if verb == "finish" else "no such branch")
    assert stored.commit == ("b" if verb == "finish" else "a") * 40, "a failure keeps the last good state"


@pytest.mark.parametrize("status", RefreshStatus)
def test_a_refresh_begins_in_any_state_and_takes_over_from_the_dead(
    repository: Repository, status: RefreshStatus
) -> None:
    Repository.objects.update(status=status, refresh_started_at=AT, refresh_requested_at=AT)
    dead = Repository.objects.get()
    repository.begin_refresh(at=LATER)
    stored = Repository.objects.get()
    assert (stored.status, stored.refresh_started_at) == (RefreshStatus.REFRESHING, LATER)
    assert stored.refresh_requested_at is None
    for verb in ENDS:
        with pytest.raises(IllegalTransition):
            ENDS[verb][0](dead)
    repository.request_refresh(at=LATER)
    repository.finish_refresh(at=LATER)
    assert Repository.objects.get().refresh_requested_at == LATER, "a wish during a refresh outlives it"


@pytest.mark.parametrize("is_paused", [False, True])
@pytest.mark.parametrize("of_project", [False, True])
def test_a_pause_begins_where_there_is_none_and_ends_where_there_is_one(
    profile: Profile, *, of_project: bool, is_paused: bool
) -> None:
    subject: Project | Profile = profile.project if of_project else profile
    type(subject).objects.update(is_paused=is_paused)
    right, wrong = (controls.resume, controls.pause) if is_paused else (controls.pause, controls.resume)
    with pytest.raises(IllegalTransition):
        wrong(subject, actor=make_user(), at=AT)
    assert not ControlEvent.objects.exists()
    right(subject, actor=make_user("mary"), at=AT)
    subject.refresh_from_db()
    assert subject.is_paused is not is_paused
    assert ControlEvent.objects.count() == 1
