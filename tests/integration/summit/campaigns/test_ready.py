"""A campaign is ready the moment its last build ends: what rings for it, and that nothing else is asked for it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks

from serpent_infra.wire.reports import FailureKind
from summit import dispatch, doorbell, lifecycle, settling
from summit import tasks as celery_tasks
from summit.models import Campaign, Profile, Repository
from summit.states import CampaignStatus, TaskStatus
from tests.factories.summit import AT, make_recipe, make_task
from tests.fakes.doors import FakeFleet
from tests.integration.summit.campaigns.acting import begin, settle
from tests.integration.summit.campaigns.conftest import Stage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def status_of(campaign: Campaign) -> str:
    return Campaign.objects.get(pk=campaign.pk).status


def bells(callbacks: list[Callable[[], Any]]) -> list[str]:
    """Names the tasks that were rung for campaigns; on_commit was given partials."""
    names = [callback.args[0] for callback in callbacks]  # type: ignore[attr-defined]
    return [name for name in names if name == doorbell.CAMPAIGN]


@pytest.mark.parametrize("fails", [frozenset[str](), frozenset({"libpng"}), frozenset({"flex", "file"})])
def test_the_end_of_its_last_build_makes_it_ready_at_once(
    stage: Stage, fails: frozenset[str], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    campaign = begin(stage.profile, stage.grace)
    rung = []
    while dispatch.dispatch(at=AT):
        for name in list(campaign.tasks.filter(status="building").values_list("source_name", flat=True)):
            with django_capture_on_commit_callbacks() as callbacks:
                if name in fails:
                    order = stage.fleet.order_for(name)
                    stage.fleet.end(order.attempt, "failed", kind=FailureKind.PHASE, message="no", at=AT)
                    settling.settle_attempt(order.attempt, at=AT)
                else:
                    settle(stage.fleet, stage.vessel, name)
            rung.append(bells(callbacks))
    assert rung == [*([[]] * (len(rung) - 1)), [doorbell.CAMPAIGN]], "the last one only"
    celery_tasks.advance_campaign(campaign=campaign.pk)
    assert status_of(campaign) == CampaignStatus.READY
    if fails:
        with django_capture_on_commit_callbacks() as callbacks:
            lifecycle.retry(campaign.tasks.filter(status="failed")[0], actor=stage.grace, at=AT)
        assert bells(callbacks)
        celery_tasks.advance_campaign(campaign=campaign.pk)
        assert status_of(campaign) == CampaignStatus.RUNNING


def test_a_build_of_no_campaign_asks_nothing_about_campaigns(
    profile: Profile, repository: Repository, fleet: FakeFleet
) -> None:
    assert fleet.orders == {}
    task = make_task(make_recipe(repository, "alone"), profile, TaskStatus.PUBLISHING)
    with CaptureQueriesContext(connection) as asked:
        lifecycle.complete(task, version="v1", at=AT)
    assert asked.captured_queries
    for query in asked.captured_queries:
        assert '"summit_campaign"' not in query["sql"]
        assert '"campaign_id" =' not in query["sql"]
