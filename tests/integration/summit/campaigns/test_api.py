"""Campaigns and rebuilds over REST."""

from typing import Any

import pytest
from django.test import Client

from serpent_infra.accounts.models import User
from summit.campaigns import advance
from summit.models import BuildTask, Campaign, Profile
from tests.factories.summit import AT, make_task
from tests.integration.summit.campaigns.acting import begin, build_all
from tests.integration.summit.campaigns.conftest import Stage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]

ASKED = {"project": "main", "profile": "x86_64", "kind": "reach", "argument": "zlib"}


def post(client: Client, uri: str, **data: object) -> tuple[int, dict[str, Any]]:
    answer = client.post(f"/api/v1{uri}", data, content_type="application/json")
    return answer.status_code, answer.json()


def test_a_preview_says_what_a_campaign_would_do(client: Client, stage: Stage, eve: User) -> None:
    assert client.get("/api/v1/campaigns/preview/", ASKED).status_code in {401, 403}
    failed = make_task(stage.recipes["viewer"], stage.profile, "failed", problem="no")  # type: ignore[arg-type]
    client.force_login(eve)
    found = client.get("/api/v1/campaigns/preview/", ASKED).json()
    assert (found["count"], found["recipes"]) == (4, ["file", "flex", "libpng", "viewer"])
    assert (found["seconds"], found["slots"], found["work_seconds"]) == (120.0, 4, 240.0)
    assert (found["longest_chain_seconds"], found["steps"], found["never_built"]) == (120.0, 2, 4)
    assert (found["in_cycles"], found["largest_cycle"]) == (2, ["file", "flex"])
    assert [row["id"] for row in found["failed"]] == [failed.pk]
    assert (found["busy"], found["blocked"], found["left_out"]) == ([], [], [])
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"argument": "nobody"}, 400, "argument"),
        ({"kind": "some"}, 400, "kind"),
        ({"profile": "other"}, 404, ""),
        ({"project": "a/../b"}, 400, "project"),
    ],
)
def test_a_question_that_means_nothing_is_refused_by_name(
    client: Client, stage: Stage, changes: dict[str, str], status: int, field: str
) -> None:
    client.force_login(stage.grace)
    for answer in (
        client.get("/api/v1/campaigns/preview/", ASKED | changes),
        client.post("/api/v1/campaigns/", ASKED | changes, content_type="application/json"),
    ):
        assert answer.status_code == status
        assert field in answer.content.decode()
    assert not Campaign.objects.exists()


def test_a_campaign_is_made_started_and_published(client: Client, stage: Stage) -> None:
    assert post(client, "/campaigns/", **ASKED)[0] in {401, 403}
    client.force_login(stage.grace)
    status, made = post(client, "/campaigns/", **ASKED, why="new soname")
    assert (status, made["status"], made["title"]) == (201, "draft", "Rebuild all that zlib reaches")
    uri = f"/campaigns/{made['id']}"
    assert post(client, f"{uri}/publish/")[0] == 409
    assert post(client, f"{uri}/start/")[1]["status"] == "starting"
    advance.sweep(at=AT)
    build_all(stage.fleet, stage.vessel, fails=frozenset({"viewer"}))
    advance.sweep(at=AT)
    found = client.get(f"/api/v1{uri}/").json()
    assert found["status"] == "ready"
    assert found["progress"] == {
        "counts": {"completed": 3, "failed": 1},
        "total": 4,
        "completed": 3,
        "moving": 0,
        "missing": 1,
        "remaining_seconds": None,
    }
    status, refusal = post(client, f"{uri}/publish/")
    assert status == 409
    assert "1 of its 4 builds have no result" in refusal["detail"]
    assert post(client, f"{uri}/publish/", without=-1)[0] == 400
    assert post(client, f"{uri}/publish/", without=1, reason="good enough")[1]["status"] == "publishing"
    advance.sweep(at=AT)
    found = client.get(f"/api/v1{uri}/").json()
    assert (found["status"], found["kept"]) == ("published", [])
    actors = {event["target"]: event["actor"] for event in found["events"]}
    assert [status for status, actor in sorted(actors.items()) if actor] == ["draft", "publishing", "starting"]
    assert actors.keys() == {"draft", "starting", "running", "ready", "publishing", "published"}
    assert client.get("/api/v1/campaigns/?status=published&project=main").json()["count"] == 1
    assert client.get("/api/v1/campaigns/?status=draft").json()["count"] == 0


def test_a_campaign_is_started_at_once_retried_and_abandoned(client: Client, stage: Stage) -> None:
    client.force_login(stage.grace)
    status, made = post(client, "/campaigns/", **ASKED, start=True)
    assert (status, made["status"]) == (201, "starting")
    advance.sweep(at=AT)
    build_all(stage.fleet, stage.vessel, fails=frozenset({"libpng"}))
    uri = f"/campaigns/{made['id']}"
    assert post(client, f"{uri}/retry/")[1]["progress"]["counts"] == {"completed": 2, "queued": 2}
    status, ended = post(client, f"{uri}/abandon/", reason="never mind")
    assert (status, ended["status"], ended["events"][-1]["sentence"]) == (200, "abandoned", "never mind")
    assert post(client, f"{uri}/abandon/")[0] == 409


def test_others_may_read_and_not_steer(client: Client, stage: Stage, eve: User) -> None:
    campaign = begin(stage.profile, stage.grace)
    assert client.get(f"/api/v1/campaigns/{campaign.pk}/").status_code == 200
    client.force_login(eve)
    assert post(client, "/campaigns/", **ASKED)[0] == 403
    for verb in ("start", "publish", "abandon", "retry"):
        assert post(client, f"/campaigns/{campaign.pk}/{verb}/")[0] == 403
    assert Campaign.objects.get().status == "running"


def test_one_recipe_is_rebuilt(client: Client, stage: Stage, eve: User, profile: Profile) -> None:
    uri = f"/recipes/{stage.recipes['nano'].pk}/rebuild/"
    client.force_login(eve)
    assert post(client, uri, profile=profile.name)[0] == 403
    client.force_login(stage.grace)
    assert post(client, uri)[0] == 400
    assert post(client, uri, profile="other")[0] == 404
    status, build = post(client, uri, profile=profile.name, reason="new flags")
    assert (status, build["build_release"], build["reason"], build["status"]) == (
        201,
        2,
        "rebuild: new flags",
        "queued",
    )
    status, refusal = post(client, uri, profile=profile.name)
    assert status == 409
    assert "is open already" in refusal["detail"]
    assert BuildTask.objects.count() == 1
