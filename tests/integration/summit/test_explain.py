"""Why it is not building: one sentence for every open task."""

from datetime import timedelta

import pytest

from avalanche.interfaces import Tier
from summit import dispatch, explain, lifecycle, planning
from summit.models import BuildTask, Profile, Repository
from summit.states import TaskStatus
from tests.factories.summit import AT, make_recipe, make_task
from tests.fakes.doors import FakeFleet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


def sentence(name: str) -> str:
    return explain.explain(BuildTask.objects.with_names().get(source_name=name), at=AT).text


@pytest.fixture
def planned(doors: None, profile: Profile, repository: Repository) -> None:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    planning.plan(profile, at=AT)


@pytest.mark.usefixtures("planned")
def test_a_task_says_what_it_waits_for_and_links_to_it(fleet: FakeFleet) -> None:
    fleet.add_slots()
    assert sentence("libpng") == "It waits for zlib 1.0-1 (x86_64) (queued)."
    dispatch.dispatch(at=AT)
    assert sentence("libpng") == "It waits for zlib 1.0-1 (x86_64) (building, about 60 s)."
    explanation = explain.explain(BuildTask.objects.with_names().get(source_name="libpng"), at=AT)
    zlib = BuildTask.objects.get(source_name="zlib")
    assert [(part.kind, part.key) for part in explanation.parts if part.kind] == [("task", str(zlib.pk))]
    assert sentence("zlib") == "It is building on b1, slot 0 (attempt 1)."


@pytest.mark.usefixtures("planned")
def test_a_ready_task_says_what_is_wrong_with_the_fleet(fleet: FakeFleet) -> None:
    assert sentence("zlib") == "No builder for official x86_64 builds is enrolled."
    fleet.add_slots(tier=Tier.TEST)
    assert sentence("zlib") == "No builder for official x86_64 builds is enrolled."
    fleet.add_slots("b2", 2)
    assert sentence("zlib") == "It is ready and waits for a slot: 0 of 2 are busy, 0 builds go before it."
    fleet.online["b2"] = False
    assert sentence("zlib") == "No builder for official x86_64 builds is online: b2 is silent."


@pytest.mark.usefixtures("planned")
def test_a_blocked_task_says_since_what() -> None:
    lifecycle.fail(BuildTask.objects.get(source_name="zlib"), kind="phase", problem="status 2", at=AT)
    assert sentence("libpng").startswith("It is blocked. Needs zlib 1.0-1 for pkgconfig(zlib), which failed")
    assert sentence("zlib") == "It failed: status 2."


@pytest.mark.usefixtures("planned")
def test_a_paused_profile_is_the_reason(profile: Profile) -> None:
    Profile.objects.update(is_paused=True)
    assert sentence("zlib") == f"{profile} is paused."


def test_every_status_has_a_sentence(profile: Profile, repository: Repository) -> None:
    for status in TaskStatus:
        task = make_task(make_recipe(repository, f"p-{status}"), profile, status, problem="needs x")
        text = explain.explain(BuildTask.objects.with_names().get(pk=task.pk), at=AT).text
        assert text[0].isupper()
        assert text.endswith(".")


def test_a_resting_task_says_for_how_long(profile: Profile, repository: Repository) -> None:
    make_task(make_recipe(repository, "zlib"), profile, not_before=AT + timedelta(seconds=40))
    assert sentence("zlib") == "A builder let it down; it is tried again in 40 s."


def test_a_list_has_short_forms(profile: Profile, repository: Repository) -> None:
    make_recipe(repository, "zlib", provides=["pkgconfig(zlib)"])
    make_recipe(repository, "libpng", needs=["pkgconfig(zlib)"])
    make_recipe(repository, "odd", needs=["binary(nowhere)"])
    planning.plan(profile, at=AT)
    tasks = list(BuildTask.objects.with_names())
    short = explain.explanations(tasks, at=AT)
    by_name = {task.source_name: short[task.pk] for task in tasks}
    assert by_name["libpng"] == "waits for zlib 1.0-1 (x86_64)"
    assert by_name["zlib"] == "ready for a slot"
    assert by_name["odd"].startswith("needs binary(nowhere)")
