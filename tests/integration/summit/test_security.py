"""A person says that a submission mends a vulnerability, or that it does not: with the right, a reason, and rows."""

from typing import Any

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm

from serpent_infra.accounts.models import User
from summit import dispatch, lifecycle, planning, security
from summit.models import BuildTask, Profile, Repository, Submission
from summit.states import IllegalTransition, TaskStatus
from tests.factories.summit import AT, make_project, make_recipe, make_repository, make_user, release_again
from tests.fakes.doors import FakeFleet
from tests.integration import pages

strict_templates = pages.strict_templates
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors", "strict_templates")]


@pytest.fixture
def grace(repository: Repository) -> User:
    user = make_user("grace")
    assign_perm("summit.push_build", user, repository)
    return user


@pytest.fixture
def tasks(doors: None, profile: Profile, repository: Repository) -> dict[str, BuildTask]:
    """What waits for what: zlib ← openssl ← curl, and zlib ← libpng."""
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "openssl", provides=["pkgconfig(openssl)"], needs=["pkgconfig(zlib)"])
    make_recipe(repository, "curl", needs=["pkgconfig(openssl)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    planning.plan(profile, at=AT)
    return {task.source_name: task for task in BuildTask.objects.select_related("submission__repository")}


def order(client: Client, submission: Submission, verb: str, *, api: bool, **body: str) -> Any:
    path = f"submissions/{submission.pk}/{verb}-security/"
    if api:
        return client.post(f"/api/v1/{path}", body, content_type="application/json")
    return client.post(f"/{path}", body)


def marked() -> set[str]:
    return set(BuildTask.objects.filter(is_security=True).values_list("source_name", flat=True))


def told(task: BuildTask) -> tuple[User | None, str]:
    event = task.events.order_by("pk").last()
    assert event is not None
    assert event.source == event.target == BuildTask.objects.get(pk=task.pk).status
    return event.actor, event.sentence


@pytest.mark.parametrize("api", [False, True])
def test_a_mark_is_given_and_taken_with_a_reason_that_everybody_reads(
    client: Client, tasks: dict[str, BuildTask], grace: User, *, api: bool
) -> None:
    submission = tasks["openssl"].submission
    client.force_login(grace)
    page = submission.get_absolute_url()
    assert "Mark as security" in client.get(page).content.decode()
    answer = order(client, submission, "mark", api=api, reason="<b>heartbleed</b>")
    assert answer.status_code == (200 if api else 302)
    assert marked() == {"openssl", "zlib"}
    assert told(tasks["openssl"]) == (grace, "marked as security: <b>heartbleed</b>")
    assert told(tasks["zlib"]) == (grace, "marked as security, because openssl waits for it")
    again = order(client, submission, "mark", api=api)
    assert again.status_code == 409
    if api:
        assert answer.json()["is_security"] is True
        assert again["Content-Type"] == "application/problem+json"
        assert again.json()["detail"] == "The submission is marked as security already."
        assert client.get(f"/api/v1/builds/{tasks['zlib'].pk}/").json()["is_security"] is True
    client.logout()
    for uri in (page, "/queue/", "/builds/", tasks["zlib"].get_absolute_url()):
        assert ">Security</span>" in client.get(uri).content.decode()
    assert "&lt;b&gt;heartbleed" in client.get(tasks["openssl"].get_absolute_url()).content.decode()
    client.force_login(grace)
    assert order(client, submission, "unmark", api=api, reason="a false alarm").status_code == (200 if api else 302)
    assert marked() == set()
    assert told(tasks["openssl"]) == (grace, "no longer marked as security: a false alarm")
    assert told(tasks["zlib"]) == (grace, "no longer marked as security, as openssl is not, which waits for it")
    assert order(client, submission, "unmark", api=api).status_code == 409
    for uri in (page, "/queue/", "/builds/"):
        assert ">Security</span>" not in client.get(uri).content.decode()
    assert tasks["curl"].events.count() == tasks["libpng"].events.count() == 1


@pytest.mark.parametrize("api", [False, True])
def test_nobody_else_marks(client: Client, tasks: dict[str, BuildTask], repository: Repository, *, api: bool) -> None:
    submission = tasks["openssl"].submission
    assert order(client, submission, "mark", api=api).status_code in {302, 401, 403}
    proposer = make_user("eve")
    assign_perm("summit.submit_build", proposer, repository)
    assign_perm("summit.review_build", proposer, repository)
    client.force_login(proposer)
    for verb in ("mark", "unmark"):
        assert order(client, submission, verb, api=api).status_code == 403
    assert marked() == set()
    assert "Mark as security" not in client.get(submission.get_absolute_url()).content.decode()
    Repository.objects.update(is_private=True)
    client.force_login(make_user("mallory"))
    assert order(client, submission, "mark", api=api).status_code == 404


@pytest.mark.parametrize("api", [False, True])
def test_a_reason_that_is_too_long_changes_nothing(
    client: Client, tasks: dict[str, BuildTask], grace: User, *, api: bool
) -> None:
    client.force_login(grace)
    assert order(client, tasks["zlib"].submission, "mark", api=api, reason="x" * 301).status_code == 400
    assert marked() == set()


def test_the_list_and_the_question_agree_on_who_may_mark(tasks: dict[str, BuildTask], grace: User) -> None:
    other = make_repository(make_project("other"))
    Submission.objects.create(repository=other, commit="c" * 40, status="accepted", created_at=AT)
    admin, nobody = make_user("root", is_superuser=True), make_user("eve")
    gone = make_user("gone", is_superuser=True, is_active=False)
    for user, count in ((grace, len(tasks)), (admin, len(tasks) + 1), (nobody, 0), (gone, 0)):
        may = set(Submission.objects.markable_by(user))
        assert may == {one for one in Submission.objects.all() if one.can_mark_security(user)}
        assert len(may) == count


def test_what_another_security_build_waits_for_keeps_the_mark(tasks: dict[str, BuildTask], grace: User) -> None:
    for name in ("libpng", "openssl", "curl"):
        security.mark(tasks[name].submission, actor=grace, at=AT)
    security.unmark(tasks["libpng"].submission, actor=grace, why="not so bad", at=AT)
    assert marked() == {"zlib", "openssl", "curl"}
    security.unmark(tasks["openssl"].submission, actor=grace, why="not so bad", at=AT)
    assert marked() == {"zlib", "openssl", "curl"}
    assert not Submission.objects.get(pk=tasks["openssl"].submission_id).is_security
    sentence = "still marked as security, because curl waits for it; its submission no longer is: not so bad"
    assert told(tasks["openssl"]) == (grace, sentence)
    security.unmark(tasks["curl"].submission, actor=grace, at=AT)
    assert marked() == set()


def test_a_mark_changes_the_order_of_the_dispatch(tasks: dict[str, BuildTask], grace: User, fleet: FakeFleet) -> None:
    BuildTask.objects.update(blockers=0)
    BuildTask.objects.exclude(source_name="libpng").update(priority=5000.0)
    security.mark(tasks["libpng"].submission, actor=grace, at=AT)
    BuildTask.objects.filter(source_name="zlib").update(is_security=False)
    fleet.add_slots("b1")
    assert dispatch.dispatch(at=AT) == 1
    assert BuildTask.objects.get(status=TaskStatus.BUILDING).source_name == "libpng"


def test_a_failed_build_keeps_the_mark_for_when_it_is_ordered_again(tasks: dict[str, BuildTask], grace: User) -> None:
    lifecycle.give_up(tasks["openssl"], actor=grace, why="no hope", at=AT)
    security.mark(tasks["openssl"].submission, actor=grace, at=AT)
    assert marked() == {"openssl"}  # a build that is over waits for nothing
    lifecycle.retry(BuildTask.objects.get(pk=tasks["openssl"].pk), actor=grace, at=AT)
    assert marked() == {"openssl", "zlib"}


def test_what_is_over_takes_no_mark(client: Client, tasks: dict[str, BuildTask], grace: User) -> None:
    submission = tasks["zlib"].submission
    submission.tasks.update(status=TaskStatus.COMPLETED, ended_at=AT)
    with pytest.raises(IllegalTransition, match="all builds of the submission are over"):
        security.mark(submission, actor=grace, at=AT)
    submission.refresh_from_db()
    assert not submission.is_security
    client.force_login(grace)
    assert order(client, submission, "mark", api=True).json()["detail"] == "All builds of the submission are over."


def test_who_looked_before_another_marked_it_is_told(tasks: dict[str, BuildTask], grace: User) -> None:
    seen = Submission.objects.get(pk=tasks["zlib"].submission_id)
    security.mark(tasks["zlib"].submission, actor=grace, at=AT)
    with pytest.raises(IllegalTransition, match="the submission is marked as security already"):
        security.mark(seen, actor=grace, at=AT)
    assert tasks["zlib"].events.count() == 2


def test_a_newer_commit_mends_what_the_one_it_replaces_was_to_mend(
    tasks: dict[str, BuildTask], profile: Profile, grace: User
) -> None:
    security.mark(tasks["openssl"].submission, actor=grace, at=AT)
    release_again(tasks["openssl"].recipe)
    planning.plan(profile, at=AT)
    newer = BuildTask.objects.open().get(source_name="openssl")
    assert newer.pk != tasks["openssl"].pk
    assert (newer.is_security, newer.submission.is_security) == (True, True)
    told = newer.events.get(sentence__startswith="marked as security")
    assert told.actor is None
    security.unmark(newer.submission, actor=grace, at=AT)
    assert not BuildTask.objects.open().filter(is_security=True).exists()
