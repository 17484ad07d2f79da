"""From the rows on: a build goes to a slot that may take it and to no other, though another were the first choice."""

from collections.abc import Mapping

import pytest
from pytest_django import Settings

from avalanche.interfaces import Tier
from serpent_infra.wire.reports import FailureKind
from summit import dispatch, publishing
from summit.models import AttemptRef, BuildTask, Profile
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository, make_task
from tests.fakes.doors import FakeFleet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]

BOTH = frozenset({"x86_64", "x86_64-v3x"})
Facts = Mapping[str, object]

# by what is asked for: facts of the profile, of the task, of a slot that lacks it, and of one that has it
ASKED: dict[str, tuple[Facts, Facts, Facts, Facts]] = {
    "architecture": ({"architecture": "aarch64"}, {}, {}, {"architecture": "aarch64"}),
    "level": ({"isa_level": "x86_64-v3x"}, {}, {}, {"isa_levels": BOTH}),
    "trust": ({}, {}, {"tier": Tier.TEST}, {}),
    "memory": ({}, {"memory_bytes": 8}, {"memory_limit": 4}, {"memory_limit": 16}),
    "disk": ({}, {"disk_bytes": 8}, {"disk_free": 4}, {"disk_free": 16}),
}


def ready(profile_facts: Facts, task_facts: Facts) -> BuildTask:
    profile: Profile = make_profile(make_project(), **profile_facts)
    publishing.ensure_streams(profile, at=AT)
    return make_task(make_recipe(make_repository(profile.project), "zlib"), profile, queued_at=AT, **task_facts)  # type: ignore[arg-type]


def builder_of(task: BuildTask) -> str:
    return task.attempts.get().builder


@pytest.mark.parametrize("name", ASKED)
def test_a_build_waits_for_a_slot_that_may_take_it(fleet: FakeFleet, name: str) -> None:
    of_profile, of_task, unfit, fit = ASKED[name]
    task = ready(of_profile, of_task)
    fleet.add_slots("b1", 2, **unfit)  # type: ignore[arg-type]
    assert dispatch.dispatch(at=AT) == 0
    assert not AttemptRef.objects.exists()
    fleet.add_slots("b2", **fit)  # type: ignore[arg-type]
    assert dispatch.dispatch(at=AT) == 1
    assert builder_of(task) == "b2"


@pytest.mark.parametrize("name", ASKED)
def test_a_build_that_asks_for_less_takes_what_is_there(fleet: FakeFleet, name: str) -> None:
    _, _, unfit, _ = ASKED[name]
    purpose = {"purpose": "test"} if name == "trust" else {}
    task = ready(purpose, {**purpose, "memory_bytes": 4, "disk_bytes": 4})
    fleet.add_slots("b1", **unfit)  # type: ignore[arg-type]
    assert dispatch.dispatch(at=AT) == 1
    assert builder_of(task) == "b1"


def test_a_recipe_goes_where_it_crashed_nobody_while_such_a_builder_is_there(fleet: FakeFleet) -> None:
    task = ready({}, {})
    fleet.add_slots("b1")
    assert dispatch.dispatch(at=AT) == 1
    reference = task.attempts.get()
    reference.settle(outcome="lost", failure_kind=FailureKind.BUILDER_LOST.value, failure_message="silent", at=AT)
    task.refresh_from_db()
    task.requeue(not_before=AT, sentence="again", at=AT)
    fleet.end(reference.attempt, "lost", at=AT)
    fleet.add_slots("b2")
    assert dispatch.dispatch(at=AT) == 1
    assert task.attempts.get(number=2).builder == "b2"


@pytest.mark.parametrize(("reserve", "first"), [(0.0, "plain"), (0.5, "security")])
def test_how_much_is_reserved_for_security_is_a_setting(
    settings: Settings, fleet: FakeFleet, reserve: float, first: str
) -> None:
    settings.SERPENT_SECURITY_RESERVE = reserve
    plain = ready({}, {"share": "a", "priority": 9.0})
    recipe = make_recipe(plain.recipe.repository, "openssl")
    security = make_task(recipe, plain.profile, queued_at=AT, is_security=True, share="b", priority=1.0)
    fleet.add_slots("b1")
    assert dispatch.dispatch(at=AT) == 1
    [begun] = BuildTask.objects.filter(status="building")
    assert begun == (plain if first == "plain" else security)
