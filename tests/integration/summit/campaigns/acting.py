"""What the tests of campaigns do over and over: start one, build what it dispatches, look."""

from serpent_infra.accounts.models import User
from serpent_infra.formats.dependency import Kind
from serpent_infra.wire.reports import FailureKind
from summit import dispatch, settling
from summit.campaigns import advance, starting
from summit.models import AttemptRef, BuildTask, Campaign, CampaignKind, Profile, Provider
from tests.factories.summit import AT
from tests.fakes.doors import FakeFleet, FakeRepository


def begin(profile: Profile, by: User, argument: str = "zlib", kind: CampaignKind = CampaignKind.REACH) -> Campaign:
    """Makes a campaign and starts it, as the button and the worker do."""
    campaign = starting.draft(profile, kind, argument, by=by, at=AT)
    starting.start(campaign, actor=by, at=AT)
    advance.advance(campaign, at=AT)
    return campaign


def statuses(campaign: Campaign) -> dict[str, str]:
    return dict(BuildTask.objects.filter(campaign=campaign).values_list("source_name", "status"))


def settle(fleet: FakeFleet, vessel: FakeRepository, name: str) -> None:
    """Takes a building task through its report and its import; it provides what its recipe promises."""
    order = fleet.order_for(name)
    fleet.end(order.attempt, at=AT)
    assert settling.settle_attempt(order.attempt, at=AT)
    reference = AttemptRef.objects.get(attempt=order.attempt).import_reference
    promised = Provider.objects.filter(recipe__name=name).exclude(kind=Kind.NAME)
    vessel.take_in(reference, *(str(row.capability) for row in promised), at=AT)
    assert settling.settle_import(reference, at=AT)


def build_all(fleet: FakeFleet, vessel: FakeRepository, *, fails: frozenset[str] = frozenset()) -> list[list[str]]:
    """Builds whatever is dispatched until nothing is; gives the names wave by wave."""
    waves = []
    while dispatch.dispatch(at=AT):
        building = BuildTask.objects.filter(status="building").order_by("source_name")
        waves.append(names := list(building.values_list("source_name", flat=True)))
        for name in names:
            if name in fails:
                order = fleet.order_for(name)
                fleet.end(order.attempt, "failed", kind=FailureKind.PHASE, message="it did not build", at=AT)
                assert settling.settle_attempt(order.attempt, at=AT)
            else:
                settle(fleet, vessel, name)
    return waves
