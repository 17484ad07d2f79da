"""Takes builds that are made twice through their reports."""

from collections.abc import Iterable
from datetime import datetime

from serpent_infra.accounts.models import User
from serpent_infra.wire.orders import BuildOrder
from summit import dispatch, settling
from summit.models import AttemptRef, BuildTask
from summit.states import TaskStatus
from tests.factories.summit import AT
from tests.fakes.doors import FakeFleet


def task_of(name: str = "zlib") -> BuildTask:
    return BuildTask.objects.filter(source_name=name).latest("pk")


def newest(fleet: FakeFleet) -> BuildOrder:
    return fleet.order_for("zlib")


def report(fleet: FakeFleet, status: str = "succeeded", *, at: datetime = AT, **facts: object) -> AttemptRef:
    """Ends the newest attempt, settles it, and gives its row."""
    order = newest(fleet)
    fleet.end(order.attempt, status, at=at, **facts)  # type: ignore[arg-type]
    settling.settle_attempt(order.attempt, at=at)
    return AttemptRef.objects.get(attempt=order.attempt)


def build_first(fleet: FakeFleet, *, artefacts: Iterable[str] = ("package.stone",)) -> AttemptRef:
    assert dispatch.dispatch(at=AT) == 1
    first = report(fleet, artefacts=artefacts)
    assert task_of().status == TaskStatus.VERIFYING
    return first


def builders(fleet: FakeFleet, owners: tuple[User, User]) -> None:
    for name, owner in zip(("b1", "b2"), owners, strict=True):
        fleet.add_slots(name, owner=owner.pk)
