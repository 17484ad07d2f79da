"""Campaigns over the real repository: real stones, real indexes, read as clients read them; and people at once."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection, connections
from pytest_django import Settings

from serpent_infra.accounts.models import User
from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.index import read_index
from serpent_infra.wire.reports import BuildReport, Outcome
from summit import dispatch, publishing, settling
from summit.campaigns import advance, ending, progress
from summit.models import AttemptRef, BuildTask, Campaign, CampaignKind, Profile
from summit.states import CampaignStatus, IllegalTransition
from tests.factories import vessel as stones
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository, make_user
from tests.fakes.doors import FakeFleet, changed
from tests.integration.summit.campaigns.acting import begin
from vessel import intake
from vessel.check import findings
from vessel.models import Channel, Import, StreamMove, Version
from vessel.sweep import sweep as sweep_vessel

pytestmark = pytest.mark.django_db

NEEDS = {"zlib": (), "libpng": ("binary(zlib)",), "viewer": ("binary(libpng)",), "nano": ()}


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Path:
    for name in ("PUBLIC", "IMPORTS", "SECRETS", "MIRRORS"):
        setattr(settings, f"SERPENT_{name}_DIR", tmp_path / name.lower())
    (tmp_path / "stones").mkdir()
    publishing.forget()
    return tmp_path


@pytest.fixture
def published(place: Path, fleet: FakeFleet, db: None) -> Profile:
    """Four recipes, published at release 1 by the real publisher."""
    project = make_project()
    profile, repository = make_profile(project), make_repository(project)
    stones.make_stream(at=AT)
    for name, needs in NEEDS.items():
        make_recipe(repository, name, provides=[f"binary({name})"], needs=needs)
        stones.bring_in([stone(place, name)], at=AT)
    fleet.add_slots(count=4)
    return profile


def stone(place: Path, name: str, *, build_release: int = 1) -> Path:
    meta = stones.make_meta(
        name, "1.0", 1, build_release=build_release, provides=frozenset({Capability.parse(f"binary({name})")})
    )
    return stones.make_stone(place / "stones", meta)


def offered(place: Path, stream: str = "volatile") -> dict[str, int]:
    """Gives the build releases that a stream offers, as a client finds them."""
    return {
        meta.name: meta.build_release for meta in read_index(place / f"public/main/stream/{stream}/x86_64/stone.index")
    }


def build(place: Path, fleet: FakeFleet, name: str) -> None:
    """Builds one recipe: its stone is reported, taken in and published where its order says."""
    order = fleet.order_for(name)
    path = stone(place, name, build_release=order.build_release)
    fleet.end(order.attempt, at=AT)
    report = BuildReport(
        attempt=order.attempt,
        epoch=1,
        outcome=Outcome.SUCCEEDED,
        isolation="none",
        log_size=0,
        artefacts=(stones.artefact(path),),
    )
    fleet.attempts[order.attempt] = changed(fleet.attempts[order.attempt], report=report)
    assert settling.settle_attempt(order.attempt, at=AT)
    reference = AttemptRef.objects.get(attempt=order.attempt).import_reference
    subject = Import.objects.get(reference=reference)
    subject.start(at=AT)
    intake.import_dir(subject).mkdir(parents=True)
    shutil.copy(path, intake.import_dir(subject))
    subject.verify(at=AT)
    intake.process(reference=reference, clock=lambda: AT)
    assert settling.settle_import(reference, at=AT)


def build_all(place: Path, fleet: FakeFleet, look: Callable[[], None] = lambda: None) -> None:
    while dispatch.dispatch(at=AT):
        for name in BuildTask.objects.filter(status="building").values_list("source_name", flat=True):
            build(place, fleet, name)
            look()


def test_readers_see_nothing_of_a_campaign_and_then_all_of_it(
    published: Profile, place: Path, fleet: FakeFleet
) -> None:
    grace = make_user("grace", is_superuser=True)
    campaign = begin(published, grace, "zlib libpng viewer", CampaignKind.LIST)
    seen: list[set[int]] = []
    build_all(place, fleet, look=lambda: seen.append(set(offered(place).values())))
    assert seen == [{1}] * 3
    assert offered(place, campaign.stream) == {"zlib": 2, "libpng": 2, "viewer": 2, "nano": 1}
    viewer = fleet.order_for("viewer")
    staged = Version.objects.filter(lineage__name=campaign.stream).order_by("pk")
    assert viewer.remotes[0].index_uri.endswith(f"/main/history/{staged[1]}/x86_64/stone.index")
    ending.publish(campaign, actor=grace, at=AT)
    before = Version.objects.filter(lineage__name="volatile").count()
    advance.sweep(at=AT)
    assert offered(place) == {"zlib": 2, "libpng": 2, "viewer": 2, "nano": 1}
    assert Version.objects.filter(lineage__name="volatile").count() == before + 1
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.PUBLISHED
    assert campaign.dropped_at == AT
    move = StreamMove.objects.latest("pk")
    assert (move.who, move.why) == ("grace", f"campaign {campaign.pk}: {campaign.title}")
    assert str(move.to_version_id) == campaign.published_version
    assert not (place / f"public/main/stream/{campaign.stream}").exists()
    assert list(findings(Channel.objects.get())) == []


def test_an_abandoned_campaign_changes_no_byte_that_readers_of_the_stream_see(
    published: Profile, place: Path, fleet: FakeFleet
) -> None:
    grace = make_user("grace", is_superuser=True)
    index = place / "public/main/stream/volatile/x86_64/stone.index"
    before, version = index.read_bytes(), index.resolve()
    campaign = begin(published, grace, "", CampaignKind.TREE)
    build_all(place, fleet)
    ending.abandon(campaign, actor=grace, at=AT)
    advance.sweep(at=AT)
    assert (index.read_bytes(), index.resolve()) == (before, version)
    assert not (place / f"public/main/stream/{campaign.stream}").exists()
    assert list(findings(Channel.objects.get())) == []


@pytest.mark.parametrize("step", ["rows", "merged"])
def test_a_hub_that_dies_while_it_publishes_goes_on_where_it_was(
    published: Profile, place: Path, fleet: FakeFleet, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    grace = make_user("grace", is_superuser=True)
    campaign = begin(published, grace, "zlib libpng", CampaignKind.LIST)
    build_all(place, fleet)
    ending.publish(campaign, actor=grace, at=AT)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*(("vessel.branches.finish", die) if step == "rows" else (Campaign, "publish", die)))
        with pytest.raises(Killed):
            advance.sweep(at=AT)
    assert set(offered(place).values()) == ({1} if step == "rows" else {1, 2})
    for _ in range(2):
        sweep_vessel(at=AT)
        advance.sweep(at=AT)
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.PUBLISHED
    assert offered(place) == {"zlib": 2, "libpng": 2, "viewer": 1, "nano": 1}
    assert StreamMove.objects.filter(who="grace").count() == 1
    assert list(findings(Channel.objects.get())) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite's test database is in memory, for one thread")
def test_people_who_publish_and_abandon_at_once_have_one_outcome(
    published: Profile, place: Path, fleet: FakeFleet
) -> None:
    assert connection.vendor == "postgresql"
    grace = make_user("grace", is_superuser=True)
    for number in range(4):
        campaign = begin(published, grace, "zlib libpng", CampaignKind.LIST)
        build_all(place, fleet)
        progress.settle(campaign, at=AT)
        wins = at_once(campaign, grace, [ending.publish, ending.publish, ending.abandon, ending.publish])
        assert len(wins) == 1, wins
        errors = workers(campaign.pk, 4)
        assert errors == []
        campaign.refresh_from_db()
        is_published = wins == ["publish"]
        assert campaign.status == ("published" if is_published else "abandoned"), number
        assert campaign.events.filter(target__in=["publishing", "abandoned"]).count() == 1
        assert StreamMove.objects.filter(why=f"campaign {campaign.pk}: {campaign.title}").count() == is_published
    assert list(findings(Channel.objects.get())) == []


def at_once(campaign: Campaign, user: User, orders: list[Callable[..., None]]) -> list[str]:
    wins: list[str] = []
    barrier = threading.Barrier(len(orders))

    def act(order: Callable[..., None]) -> None:
        try:
            mine = Campaign.objects.select_related("profile__project").get(pk=campaign.pk)
            barrier.wait()
            order(mine, actor=user, at=AT)
            wins.append(order.__name__)
        except IllegalTransition:
            pass
        finally:
            connections.close_all()

    run([threading.Thread(target=act, args=(order,)) for order in orders])
    return wins


def workers(campaign: int, count: int) -> list[str]:
    errors: list[str] = []

    def work() -> None:
        try:
            advance.advance(Campaign.objects.select_related("profile__project").get(pk=campaign), at=AT)
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(repr(error))
        finally:
            connections.close_all()

    run([threading.Thread(target=work) for _ in range(count)])
    return errors


def run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
