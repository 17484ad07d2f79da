"""Every transition of a campaign from every status: what the table allows happens once and is recorded, no other."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from serpent_infra.accounts.models import User
from summit.models import Campaign, CampaignKind, Profile
from summit.states import CAMPAIGN_OPEN, CAMPAIGN_SOURCES, CampaignStatus, IllegalTransition
from tests.factories.summit import AT, make_user

pytestmark = pytest.mark.django_db

S = CampaignStatus
# by name: the target, the statuses it may come from, and what is given along
TRANSITIONS: dict[str, tuple[CampaignStatus, set[CampaignStatus], dict[str, object]]] = {
    "order_start": (S.STARTING, {S.DRAFT}, {"sentence": "go"}),
    "run": (S.RUNNING, {S.STARTING}, {"left_out": [], "sentence": "go"}),
    "fail_to_start": (S.DRAFT, {S.STARTING}, {"problem": "no"}),
    "rest": (S.READY, {S.RUNNING}, {"sentence": "rest"}),
    "go_on": (S.RUNNING, {S.READY}, {"sentence": "go"}),
    "order_publication": (S.PUBLISHING, {S.READY}, {"sentence": "all"}),
    "publish": (S.PUBLISHED, {S.PUBLISHING}, {"version": "v1", "kept": [], "sentence": "done"}),
    "fail_to_publish": (S.READY, {S.PUBLISHING}, {"problem": "no"}),
    "abandon": (S.ABANDONED, {S.DRAFT, S.STARTING, S.RUNNING, S.READY}, {"sentence": "no"}),
}
BY_PEOPLE = {"order_start", "order_publication", "abandon"}


@pytest.fixture
def user(db: None) -> User:
    return make_user()


@pytest.fixture
def campaign(profile: Profile, user: User) -> Campaign:
    return Campaign.draft(
        profile=profile, kind=CampaignKind.TREE, argument="", title="all", why="", repositories=[], by=user, at=AT
    )


@pytest.mark.parametrize("status", CampaignStatus)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_happens_from_where_the_table_allows_it(
    campaign: Campaign, user: User, name: str, status: CampaignStatus
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(status=status, published_version="v0")
    target, sources, facts = TRANSITIONS[name]
    act: Callable[..., None] = getattr(campaign, name)
    by = {"actor": user} if name in BY_PEOPLE else {}
    if status in sources:
        act(**facts, **by, at=AT)
        event = campaign.events.latest("pk")
        assert (event.source, event.target, event.actor) == (status, target, by.get("actor"))
        with pytest.raises(IllegalTransition):  # a second one who saw the same row
            act(**facts, **by, at=AT)
    else:
        with pytest.raises(IllegalTransition, match=CampaignStatus(status).label.lower()):
            act(**facts, **by, at=AT)
        assert campaign.events.count() == 1
    expected = target if status in sources else status
    assert Campaign.objects.get(pk=campaign.pk).status == expected


def test_the_transitions_are_those_of_the_table() -> None:
    found: dict[CampaignStatus, set[CampaignStatus]] = {}
    for target, sources, _ in TRANSITIONS.values():
        found.setdefault(target, set()).update(sources)
    assert found == {target: set(sources) for target, sources in CAMPAIGN_SOURCES.items()}
    assert not set(CAMPAIGN_OPEN) & {S.PUBLISHED, S.ABANDONED}


def test_the_database_knows_what_a_campaign_may_be(campaign: Campaign) -> None:
    for change in ({"status": "odd"}, {"status": "published"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Campaign.objects.filter(pk=campaign.pk).update(**change)
