"""What people and workers do to builds, from every status: it happens with all that follows from it, or not at all."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from serpent_infra.accounts.models import User
from summit import lifecycle
from summit.models import BuildTask, Profile, Repository, TaskEdge, moves
from summit.needs import BlockReason, EdgeKind, Usage
from summit.states import GIVEN_UP_FROM, OPEN, RETRYABLE, SOURCES, WAITING, IllegalTransition, TaskStatus
from tests.factories.summit import AT, make_recipe, make_task, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]

LATER = AT + timedelta(minutes=5)
S = TaskStatus

# by name: the act, the statuses it may come from, the target ("" for the same), and what then becomes of a dependant
ACTS: dict[str, tuple[Callable[[BuildTask, User], object], frozenset[TaskStatus], TaskStatus | None, TaskStatus]] = {
    "complete": (
        lambda task, _: lifecycle.complete(task, version="7", at=LATER),
        SOURCES[S.COMPLETED],
        S.COMPLETED,
        S.QUEUED,
    ),
    "fail": (
        lambda task, _: lifecycle.fail(task, kind="phase", problem="no", at=LATER),
        SOURCES[S.FAILED],
        S.FAILED,
        S.BLOCKED,
    ),
    "cancel": (
        lambda task, by: lifecycle.cancel(task, actor=by, at=LATER),
        SOURCES[S.CANCELLED],
        S.CANCELLED,
        S.BLOCKED,
    ),
    "give up": (
        lambda task, by: lifecycle.give_up(task, actor=by, why="no", at=LATER),
        GIVEN_UP_FROM,
        S.FAILED,
        S.BLOCKED,
    ),
    "retry": (lambda task, by: lifecycle.retry(task, actor=by, at=LATER), RETRYABLE, S.QUEUED, S.QUEUED),
    "expedite": (lambda task, by: lifecycle.expedite(task, actor=by, at=LATER), WAITING, None, S.QUEUED),
}


@pytest.fixture
def dependant(profile: Profile, repository: Repository) -> BuildTask:
    """A queued build that needs zlib's, of whatever status that is made."""
    return make_task(make_recipe(repository, "libpng", needs=["zlib"]), profile, blockers=1)


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("name", ACTS)
def test_an_act_happens_with_its_consequences_or_not_at_all(
    profile: Profile, repository: Repository, dependant: BuildTask, name: str, status: TaskStatus
) -> None:
    act, sources, target, of_dependant = ACTS[name]
    task = make_task(make_recipe(repository, "zlib"), profile, status)
    edge = TaskEdge.objects.create(task=dependant, needs=task, capability="zlib", usage=Usage.BUILD, kind=EdgeKind.HARD)
    person = make_user("pat")
    before = list(BuildTask.objects.order_by("pk").values())
    if status not in sources:
        with pytest.raises(IllegalTransition):
            act(task, person)
        assert list(BuildTask.objects.order_by("pk").values()) == before, "nothing of it happened"
        assert not task.events.exists()
        assert not dependant.events.exists()
        edge.refresh_from_db()
        assert edge.satisfied_at is None
        return
    act(task, person)
    stored = BuildTask.objects.get(pk=task.pk)
    assert stored.status == (target or status)
    first = task.events.order_by("pk")[0]
    assert (first.source, first.target, first.at) == (status, stored.status, LATER)
    assert (first.actor is None) == (name in {"complete", "fail"})
    dependant.refresh_from_db()
    edge.refresh_from_db()
    assert dependant.status == of_dependant
    assert (edge.satisfied_at is not None) == (name == "complete")
    assert dependant.blockers == (0 if name == "complete" else 1)
    assert stored.is_expedited == (name == "expedite")
    if target is not None:
        with pytest.raises(IllegalTransition):
            act(task, person)


# Many at once: those whose status allows it move, each with its event, and the others stay.
MANY: dict[str, tuple[Callable[[list[int], User], object], frozenset[TaskStatus], TaskStatus | None]] = {
    "block": (
        lambda keys, _: BuildTask.objects.block_all(dict.fromkeys(keys, (BlockReason.MISSING, "needs x")), at=LATER),
        SOURCES[S.BLOCKED],
        S.BLOCKED,
    ),
    "unblock": (
        lambda keys, _: BuildTask.objects.unblock_all(keys, sentence="it is there", at=LATER),
        frozenset({S.BLOCKED}),
        S.QUEUED,
    ),
    "cancel": (
        lambda keys, by: BuildTask.objects.filter(pk__in=keys).cancel_all(actor=by, sentence="enough", at=LATER),
        WAITING,
        S.CANCELLED,
    ),
    "expedite": (
        lambda keys, by: BuildTask.objects.expedite_all(dict.fromkeys(keys, "first"), actor=by, at=LATER),
        WAITING,
        None,
    ),
    "mark as security": (
        lambda keys, by: moves.mark_security(
            BuildTask.objects.all(), dict.fromkeys(keys, "a CVE"), is_security=True, actor=by, at=LATER
        ),
        frozenset(TaskStatus),
        None,
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_of_many_those_move_whose_status_allows_it(profile: Profile, repository: Repository, name: str) -> None:
    act, sources, target = MANY[name]
    tasks = {status: make_task(make_recipe(repository, f"p-{status}"), profile, status) for status in TaskStatus}
    act([task.pk for task in tasks.values()], make_user("pat"))
    for status, task in tasks.items():
        events = list(task.events.all())
        task.refresh_from_db()
        if status not in sources:
            assert (task.status, task.updated_at, events) == (status, AT, [])
            continue
        [event] = events
        assert task.status == event.target == (target or status)
        assert (event.source, event.at, task.updated_at) == (status, LATER, LATER)
        if target is not None:
            assert (task.ended_at is None) == (target in OPEN)
        assert (event.actor is None) == (name in {"block", "unblock"})
