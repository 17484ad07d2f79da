"""Recipes that are gone from git: what is left of them, who needs it, and taking it out of the real repository."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection, connections
from pytest_django import DjangoCaptureOnCommitCallbacks

from serpent_infra.formats.dependency import Capability
from summit import leftovers, tasks, withdrawing
from summit.models import Profile, Project, Recipe, Remote, Withdrawal
from summit.states import IllegalTransition, TaskStatus, WithdrawalStatus
from tests.factories import vessel as stones
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository, make_task, make_user
from tests.integration.summit.withdrawing.acting import left, offered, order, publish, remove
from tests.ringing import bells_of
from vessel import tree
from vessel.check import findings
from vessel.models import Channel, StreamMove, Version
from vessel.versions import move_stream

pytestmark = pytest.mark.django_db


def test_only_what_is_gone_and_was_built_here_is_left_over(profile: Profile, place: Path) -> None:
    publish(place, "foreign", "foreign-devel")
    assert leftovers.leftovers(profile.project) == []
    remove("nano")
    stranger = make_recipe(profile.project.repositories.get(), "foreign")
    stranger.remove(at=AT)  # there was a recipe, but what is published was never built here
    [found] = leftovers.leftovers(profile.project)
    assert (found.source_name, found.count, found.gone_at) == ("nano", 2, AT)
    assert [str(package) for package in found.places[0].packages] == [
        "nano 1.0-1 (x86_64, build 1)",
        "nano-devel 1.0-1 (x86_64, build 1)",
    ]


def test_a_recipe_that_is_elsewhere_in_git_is_not_gone(profile: Profile) -> None:
    remove("nano")
    other = make_project("other")
    make_profile(other)  # it publishes to the same stream
    second = make_repository(other)
    make_recipe(second, "nano")
    assert leftovers.leftovers(profile.project) == []
    Recipe.objects.filter(repository=second).update(error="broken")
    assert leftovers.leftovers(profile.project) == [], "a broken one is there, too"
    Recipe.objects.filter(repository=second).update(removed_at=AT)
    assert [found.source_name for found in leftovers.leftovers(profile.project)] == ["nano"]


def test_a_renamed_recipe_leaves_its_old_name_over(profile: Profile) -> None:
    Recipe.objects.filter(name="nano").update(name="pico", former_names=["nano"], changed_at=AT)
    assert (left(profile).recipe.name, left(profile).gone_at) == ("pico", AT)


def test_a_look_says_who_needs_it(profile: Profile, place: Path) -> None:
    remove("zlib")
    reliance = leftovers.relying_on(left(profile, "zlib"))
    assert [(one.name, stream, str(need)) for one, stream, need in reliance.packages] == [
        ("libpng", "main/volatile", "binary(zlib)")
    ]
    assert [(recipe.name, str(need)) for recipe, need in reliance.recipes] == [("libpng", "binary(zlib)")]
    assert reliance.sentence == "1 published package and 1 recipe need it"
    remove("nano")
    assert leftovers.relying_on(left(profile, "nano")).is_empty


def test_what_another_package_or_the_base_image_offers_is_not_missed(profile: Profile, place: Path) -> None:
    remove("zlib")
    meta = stones.make_meta("zlib-ng", provides=frozenset({Capability.parse("binary(zlib)")}))
    stones.bring_in([stones.make_stone(place / "stones", meta)], at=AT)
    assert leftovers.relying_on(left(profile, "zlib")).is_empty


def test_a_stream_that_resolves_against_it_is_looked_at_as_well(profile: Profile, place: Path) -> None:
    remove("nano")
    stones.make_stream(stream="extra", at=AT)
    extra = make_profile(make_project("extra"), stream="extra")
    Remote.objects.create(profile=extra, name="main", channel="main", stream="volatile")
    publish(place, "editor", needs=("binary(nano-devel)",), stream="extra")
    hidden = make_repository(extra.project, is_private=True)
    make_recipe(hidden, "secret", needs=["nano"])
    reliance = leftovers.relying_on(left(profile), user=make_user())
    assert [(one.name, stream) for one, stream, _ in reliance.packages] == [("editor", "main/extra")]
    assert (reliance.recipes, reliance.hidden) == ((), 1)


def test_it_leaves_in_one_version_with_who_and_why(
    profile: Profile, place: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    remove("nano")
    count = Version.objects.count()
    with django_capture_on_commit_callbacks() as callbacks:
        row = order(profile)
    assert [(task, ids) for task, ids in bells_of(callbacks)] == [("summit.withdraw", row.pk)]
    assert offered(place) >= {"nano", "nano-devel"}, "the word comes first"
    tasks.withdraw(withdrawal=row.pk)
    row.refresh_from_db()
    assert (row.status, row.removed) == (WithdrawalStatus.DONE, ["nano", "nano-devel"])
    assert offered(place) == {"zlib", "zlib-devel", "libpng", "libpng-devel"}
    assert Version.objects.count() == count + 1
    move = StreamMove.objects.latest("pk")
    assert (str(move.to_version_id), move.who, move.why) == (row.version, "ada", "nano withdrawn: nobody uses it")
    assert [(event.target, event.actor and event.actor.username) for event in row.events.order_by("pk")] == [
        ("ordered", "ada"),
        ("done", None),
    ]
    assert leftovers.leftovers(profile.project) == []
    profile.refresh_from_db()
    assert profile.plan_requested_at is not None, "who counted on it is looked at again"
    assert list(findings(Channel.objects.get())) == []


def test_lost_and_doubled_messages_change_nothing(
    profile: Profile, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove("nano")
    row = order(profile)
    stale = Withdrawal.objects.get(pk=row.pk)
    count = Version.objects.count()

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:  # the repository has done it, and nobody notes that
        patch.setattr(Withdrawal, "finish", die)
        with pytest.raises(Killed):
            tasks.withdraw(withdrawal=row.pk)
    assert offered(place) == {"zlib", "zlib-devel", "libpng", "libpng-devel"}
    row.refresh_from_db()
    assert row.status == WithdrawalStatus.ORDERED
    withdrawing.sweep(at=AT)
    withdrawing.advance(stale, at=AT)
    tasks.withdraw(withdrawal=row.pk)
    tasks.withdraw(withdrawal=row.pk + 1)
    row.refresh_from_db()
    assert (row.status, row.removed) == (WithdrawalStatus.DONE, ["nano", "nano-devel"])
    assert row.events.count() == 2
    assert Version.objects.count() == count + 1


def test_a_disk_that_fails_is_said_and_the_sweep_goes_on(
    profile: Profile, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove("nano")
    row = order(profile)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tree, "write_index", full)
        withdrawing.sweep(at=AT)
    row.refresh_from_db()
    assert row.status == WithdrawalStatus.ORDERED
    assert row.problem == "the repository's disk failed: No space left on device; it is tried again"
    assert "nano" in offered(place)
    withdrawing.sweep(at=AT)
    row.refresh_from_db()
    assert (row.status, row.problem) == (WithdrawalStatus.DONE, "")
    assert "nano" not in offered(place)


def test_a_rollback_brings_it_back_and_it_is_left_over_again(profile: Profile, place: Path) -> None:
    remove("nano")
    row = order(profile)
    withdrawing.advance(row, at=AT)
    version = Version.objects.get(pk=row.version)
    assert version.parent is not None
    stream = version.lineage
    move_stream(stream=stream, version=version.parent, expected=version, who="ann", why="needed", at=AT)
    assert offered(place) >= {"nano", "nano-devel"}
    assert left(profile).count == 2
    again = order(profile)
    withdrawing.advance(again, at=AT)
    assert not offered(place) & {"nano", "nano-devel"}


def test_what_something_needs_goes_only_when_confirmed(profile: Profile, place: Path) -> None:
    remove("zlib")
    with pytest.raises(withdrawing.Unconfirmed, match="1 published package and 1 recipe need it"):
        order(profile, "zlib")
    assert not Withdrawal.objects.exists()
    withdrawing.advance(order(profile, "zlib", confirmed=True), at=AT)
    assert offered(place) == {"libpng", "libpng-devel", "nano", "nano-devel"}


def test_what_changed_since_the_look_is_not_withdrawn(profile: Profile, place: Path) -> None:
    remove("nano")
    found = left(profile)
    publish(place, "nano", "nano-docs", release=2)
    with pytest.raises(IllegalTransition, match="other packages of nano are published by now"):
        withdrawing.order(
            found_now := left(profile), actor=make_user(), reason="x", seen=found.seen, is_confirmed=True, at=AT
        )
    assert found_now.count == 2
    row = order(profile)
    publish(place, "nano", release=3)  # between the word and the deed
    withdrawing.advance(row, at=AT)
    assert row.status == WithdrawalStatus.REFUSED
    assert "nano 1.0-3 (x86_64, build 1) has been published since" in row.problem
    assert "nano" in offered(place)


def test_one_word_at_a_time_and_none_while_it_is_built(profile: Profile) -> None:
    recipe = remove("nano")
    task = make_task(recipe, profile, TaskStatus.PUBLISHING)
    with pytest.raises(IllegalTransition, match="a build of nano is under way"):
        order(profile)
    task.delete()
    order(profile)
    with pytest.raises(IllegalTransition, match="being withdrawn already"):
        order(profile)


def test_nothing_goes_by_itself_unless_the_project_says_so(profile: Profile, place: Path) -> None:
    remove("nano", days=8)
    remove("zlib", days=8)
    assert withdrawing.withdraw_by_themselves(at=AT) == 0
    Project.objects.update(withdraws_after_days=9)
    assert withdrawing.withdraw_by_themselves(at=AT) == 0
    Project.objects.update(withdraws_after_days=7)
    assert withdrawing.withdraw_by_themselves(at=AT) == 1, "zlib is needed: a person decides"
    assert withdrawing.withdraw_by_themselves(at=AT) == 0
    withdrawing.sweep(at=AT)
    row = Withdrawal.objects.get()
    assert (row.source_name, row.actor, row.status) == ("nano", None, WithdrawalStatus.DONE)
    assert offered(place) == {"zlib", "zlib-devel", "libpng", "libpng-devel"}
    assert StreamMove.objects.latest("pk").who == ""


def test_nothing_gone_costs_the_project_page_two_queries(
    profile: Profile, django_assert_num_queries: Callable[..., object]
) -> None:
    with django_assert_num_queries(2):  # type: ignore[attr-defined]
        assert leftovers.leftovers(profile.project) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite's test database is in memory, for one thread")
def test_workers_and_an_import_at_once_have_one_outcome(profile: Profile, place: Path) -> None:
    assert connection.vendor == "postgresql"
    remove("nano")
    row = order(profile)
    count = Version.objects.count()
    errors: list[str] = []

    def work(act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(repr(error))
        finally:
            connections.close_all()

    def advance() -> None:
        mine = Withdrawal.objects.select_related("profile", "actor").get(pk=row.pk)
        withdrawing.advance(mine, at=AT)

    acts: list[Callable[[], object]] = [*[advance] * 4, lambda: publish(place, "curl")]
    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    row.refresh_from_db()
    assert (row.status, row.events.count()) == (WithdrawalStatus.DONE, 2)
    assert Version.objects.count() == count + 2
    assert offered(place) == {"zlib", "zlib-devel", "libpng", "libpng-devel", "curl"}
    assert list(findings(Channel.objects.get())) == []
