"""Forecasts of the stored queue: on the pages, over the API, at a bounded cost, and nine of ten times in time."""

import re
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from summit import dispatch, outlook, planning, publishing
from summit.models import AttemptRef, BuildTask, Profile, Repository, Share, TaskEdge
from summit.outlook import Experience, Foresight, foresee, latest, learn, outlooks
from summit.states import TaskStatus
from tests.factories.summit import AT, make_recipe, make_task
from tests.fakes.doors import FakeFleet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]

GIB = 2**30


@pytest.fixture
def chain(doors: None, profile: Profile, repository: Repository) -> list[BuildTask]:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", provides=["pkgconfig(libpng)"], needs=["pkgconfig(zlib)"])
    make_recipe(repository, "gtk", needs=["pkgconfig(libpng)"])
    planning.plan(profile, at=AT)
    BuildTask.objects.update(estimate_seconds=600)
    return [BuildTask.objects.get(source_name=name) for name in ("zlib", "libpng", "gtk")]


def test_a_chain_is_forecast_one_after_the_other(chain: list[BuildTask], fleet: FakeFleet) -> None:
    fleet.add_slots(count=2)
    found = outlooks(at=AT)
    first = found[chain[0].pk]
    assert first.start is not None
    assert first.start.likely == AT
    for before, after in pairwise(found[task.pk] for task in chain):
        assert after.start is not None
        assert after.start.likely >= before.finish.likely >= AT + timedelta(seconds=600)
        assert after.start.late >= before.finish.late > before.finish.likely


def test_what_builds_has_an_end_only_and_what_cannot_run_has_none(chain: list[BuildTask], fleet: FakeFleet) -> None:
    assert outlooks(at=AT) == {}, "there is no builder"
    fleet.add_slots()
    dispatch.dispatch(at=AT)
    found = outlooks(at=AT + timedelta(seconds=300))
    assert found[chain[0].pk].start is None
    assert AT + timedelta(seconds=300) < found[chain[0].pk].finish.likely < AT + timedelta(seconds=1200)
    BuildTask.objects.filter(pk=chain[1].pk).update(status=TaskStatus.BLOCKED, block_reason="missing")
    assert set(outlooks(at=AT)) == {chain[0].pk}


def test_a_pause_hides_the_forecast_of_what_waits(chain: list[BuildTask], fleet: FakeFleet) -> None:
    fleet.add_slots()
    dispatch.dispatch(at=AT)
    Profile.objects.update(is_paused=True)
    assert set(outlooks(at=AT)) == {chain[0].pk}


def test_the_spread_is_learnt_from_how_far_estimates_were_off(profile: Profile, repository: Repository) -> None:
    assert learn() == Experience()
    for number, took in enumerate((50.0, 100.0, 200.0, 100.0, 50.0, 200.0)):
        make_task(
            make_recipe(repository, f"p{number}"),
            profile,
            TaskStatus.COMPLETED,
            build_seconds=took,
            estimate_seconds=100.0,
            started_at=AT,
            ended_at=AT + timedelta(seconds=took + 7),
        )
    learnt = learn()
    assert learnt.publishing == pytest.approx(7)
    assert learnt.spread == pytest.approx(0.566, abs=0.01)


def test_pages_and_api_show_it(client: Client, chain: list[BuildTask], fleet: FakeFleet) -> None:
    fleet.add_slots()
    assert "It probably starts" in client.get(chain[2].get_absolute_url()).content.decode()
    assert client.get("/queue/").content.decode().count(">90 %: <time") == 2 * len(chain)
    told = client.get(f"/api/v1/builds/{chain[2].pk}/").json()["outlook"]
    assert told["start"]["likely"] <= told["start"]["late"] <= told["finish"]["late"]
    BuildTask.objects.update(status=TaskStatus.FAILED)
    assert client.get(f"/api/v1/builds/{chain[2].pk}/").json()["outlook"] is None


def test_a_long_queue_costs_no_more_queries_than_a_short_one(
    profile: Profile, repository: Repository, fleet: FakeFleet, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    fleet.add_slots()

    def grow(prefix: str, length: int) -> None:
        shares = ("group:core", "group:desktop")
        tasks = [
            make_task(make_recipe(repository, f"{prefix}{number}"), profile, blockers=number, share=shares[number % 2])
            for number in range(length)
        ]
        TaskEdge.objects.bulk_create(
            TaskEdge(task=task, needs=need, capability="x")
            for number, task in enumerate(tasks)
            for need in tasks[:number]
        )

    grow("p", 3)
    with django_assert_max_num_queries(11) as few:
        assert len(foresee(at=AT).outlooks) == 3
    grow("q", 60)
    with django_assert_max_num_queries(len(few)):
        assert len(foresee(at=AT).outlooks) == 63


def order_of(found: Foresight) -> list[str]:
    names = dict(BuildTask.objects.values_list("pk", "source_name"))
    return [names[key] for key in found.outlooks]


def test_the_forecast_knows_what_the_scheduler_knows(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("small", memory_limit=4 * GIB, disk_free=100 * GIB)
    fleet.add_slots("large", memory_limit=32 * GIB, disk_free=100 * GIB)

    def wish(name: str, **facts: object) -> BuildTask:
        return make_task(make_recipe(repository, name), profile, **facts)  # type: ignore[arg-type]

    running = wish("running", status=TaskStatus.BUILDING, started_at=AT, estimate_seconds=600, share="person:ada")
    AttemptRef.make(task=running, attempt=uuid4(), builder="large", slot=0, at=AT)
    wish("urgent", priority=9000, share="person:ada")
    wish("urgent too", priority=8000, share="person:ada")
    wish("modest", priority=1, share="person:bob")
    wish("mended", priority=1, share="person:ada", is_security=True)
    wish("first", priority=1, share="person:ada", is_expedited=True)
    wish("big", priority=9999, share="person:bob", memory_bytes=16 * GIB)
    wish("vast", priority=9999, share="person:bob", disk_bytes=200 * GIB)
    found = foresee(at=AT)
    assert order_of(found) == ["running", "first", "mended", "modest", "urgent", "urgent too", "big"]
    big = next(found.outlooks[task.pk] for task in BuildTask.objects.filter(source_name="big"))
    assert big.start is not None
    assert big.start.likely >= found.outlooks[running.pk].finish.likely - timedelta(seconds=5)
    publishing.ensure_streams(profile, at=AT)
    assert dispatch.dispatch(at=AT) >= 1
    begun = set(BuildTask.objects.filter(status=TaskStatus.BUILDING).values_list("source_name", flat=True))
    assert {"running", "first"} <= begun


def test_the_forecast_knows_the_weight_of_shares(profile: Profile, repository: Repository, fleet: FakeFleet) -> None:
    fleet.add_slots(count=3)
    Share.objects.create(key="person:bob", weight=2.0)
    for person in ("ada", "bob"):
        for number in range(4):
            make_task(make_recipe(repository, f"{person}{number}"), profile, share=f"person:{person}")
    at_once = [key for key, one in foresee(at=AT).outlooks.items() if one.start is not None and one.start.likely == AT]
    names = set(BuildTask.objects.filter(pk__in=at_once).values_list("source_name", flat=True))
    assert names == {"ada0", "bob0", "bob1"}
    publishing.ensure_streams(profile, at=AT)
    assert dispatch.dispatch(at=AT) == 3
    assert set(BuildTask.objects.filter(status=TaskStatus.BUILDING).values_list("source_name", flat=True)) == names


def test_what_crashed_a_builder_is_not_foreseen_there(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots("bad")
    fleet.add_slots("good")
    task = make_task(make_recipe(repository, "kernel"), profile)
    running = make_task(
        make_recipe(repository, "long"), profile, TaskStatus.BUILDING, started_at=AT, estimate_seconds=6000
    )
    AttemptRef.make(task=running, attempt=uuid4(), builder="good", slot=0, at=AT)
    assert start_of(task) == AT
    crashed = AttemptRef.make(task=task, attempt=uuid4(), builder="bad", slot=0, at=AT - timedelta(minutes=5))
    crashed.settle(outcome="lost", failure_kind="builder-lost", failure_message="", at=AT - timedelta(minutes=1))
    assert start_of(task) > AT + timedelta(seconds=3000)


def start_of(task: BuildTask) -> datetime:
    start = foresee(at=AT).outlooks[task.pk].start
    assert start is not None
    return start.likely


def test_a_forecast_is_kept_for_a_while_and_made_anew_then(
    chain: list[BuildTask], fleet: FakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "KEPT_FOR", 1e6)
    fleet.add_slots()
    found = latest(at=AT)
    assert found.outlooks
    BuildTask.objects.update(status=TaskStatus.BLOCKED, block_reason="missing")
    assert latest(at=AT + timedelta(seconds=1)) is found
    assert latest(at=AT - timedelta(seconds=1)).outlooks == {}, "a clock that went back"
    monkeypatch.setattr(outlook, "KEPT_FOR", 0.0)
    BuildTask.objects.update(status=TaskStatus.QUEUED, block_reason="")
    later = latest(at=AT + timedelta(days=365)).outlooks
    assert set(later) == {task.pk for task in chain}


def test_of_a_very_long_queue_the_head_is_forecast_and_the_page_says_so(
    client: Client, profile: Profile, repository: Repository, fleet: FakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "LARGEST", 6)
    fleet.add_slots()
    for number in range(8):
        make_task(make_recipe(repository, f"many{number}"), profile, share="campaign:1", priority=100.0 - number)
    for number in range(2):
        make_task(make_recipe(repository, f"few{number}"), profile, share="person:ada", priority=1.0 - number)
    found = foresee(at=AT)
    assert found.is_partial
    assert sorted(order_of(found)) == ["few0", "few1", "many0", "many1", "many2", "many3"], "the first of each share"
    assert found.silence == "10 builds wait, and estimates are made for the 6 that go first"
    assert found.horizon is not None
    html = client.get("/queue/").content.decode()
    assert "10 builds wait, and estimates are made for the 6 that go first" in html
    assert html.count("no estimate</span>") == 4
    assert html.count(">90 %: <time") == 2 * 6
    of = {name: BuildTask.objects.get(source_name=name).get_absolute_url() for name in ("many0", "many7")}
    said = "No estimate: 10 builds wait, and estimates are made for the 6 that go first."
    assert said not in client.get(of["many0"]).content.decode()
    assert said in client.get(of["many7"]).content.decode()
    Profile.objects.update(is_paused=True)
    html = client.get("/queue/").content.decode()
    assert "no estimate" not in html, "what is paused says so"


def test_the_queue_stands_in_the_order_in_which_slots_take_it(
    client: Client, profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    fleet.add_slots()
    names = ["stuck", "unsure", "slow", "crowd1", "crowd2", "other", "mended", "first", "old"]
    facts: dict[str, dict[str, object]] = {
        "stuck": {"status": TaskStatus.BLOCKED, "priority": 99999},
        "unsure": {"status": TaskStatus.IN_REVIEW, "priority": 99999},
        "slow": {"status": TaskStatus.BUILDING, "started_at": AT},
        "crowd1": {"priority": 9000, "share": "group:a"},
        "crowd2": {"priority": 8000, "share": "group:a"},
        "other": {"priority": 10, "share": "group:b"},
        "mended": {"priority": 5, "share": "group:b", "is_security": True},
        "first": {"priority": 0, "share": "group:b", "is_expedited": True},
        "old": {"priority": 100, "share": "group:a", "queued_at": AT - timedelta(days=2)},
    }
    for name in names:
        make_task(make_recipe(repository, name), profile, **facts[name])  # type: ignore[arg-type]
    with_slots = shown(client)
    assert with_slots[:3] == ["slow", "first", "mended"]
    assert with_slots[-2:] == ["unsure", "stuck"]
    assert with_slots == [*order_of(foresee(at=timezone.now())), "unsure", "stuck"]
    # Without a slot nothing is foreseen: what is known of the order still holds.
    fleet.online["b1"] = False
    BuildTask.objects.filter(status=TaskStatus.BUILDING).update(status=TaskStatus.QUEUED)
    assert shown(client) == ["first", "mended", "old", "crowd1", "crowd2", "other", "slow", "unsure", "stuck"]
    assert [task.source_name for task in BuildTask.objects.open().filter(is_security=False).by_priority()[:3]] == [
        "first",
        "old",
        "stuck",
    ]
    crowd = BuildTask.objects.get(source_name="crowd1")
    ahead = set(BuildTask.objects.ready(at=AT).before(crowd).values_list("source_name", flat=True))
    assert ahead == {"first", "mended", "old"}


def shown(client: Client) -> list[str]:
    html = client.get("/queue/").content.decode()
    table = html[html.index("<tbody>") :]
    return re.findall(r'<th scope="row">\s*<a href="[^"]*">\s*(\w+)', table)
