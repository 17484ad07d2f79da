"""Two who want the same at once, in real threads on PostgreSQL: one gets it, and nothing is done twice."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from avalanche import enrolment, leases, reporting
from avalanche import interfaces as avalanche
from avalanche.models import Attempt, AttemptEvent, Report
from avalanche.models.enrolment import EnrolmentRefused
from avalanche.refusals import NotOffered
from avalanche.states import AttemptState, IllegalTransition
from tests.factories.avalanche import (
    AT,
    REPLY_TO,
    make_attempt,
    make_builder,
    make_enrol_request,
    make_order,
    make_report,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL: make test runs it there"),
]

CROWD = 8
SOON = AT + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _no_broker(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"


def at_once(deed: Callable[[int], object], refusal: type[Exception]) -> Counter[str]:
    """Does it in as many threads at the same moment, and counts who was served and who refused."""
    start = Barrier(CROWD)

    def one(number: int) -> str:
        try:
            start.wait(timeout=20)
            deed(number)
        except refusal:
            return "refused"
        finally:
            connection.close()
        return "served"

    with ThreadPoolExecutor(CROWD) as crowd:
        return Counter(crowd.map(one, range(CROWD)))


def test_an_offer_is_claimed_once() -> None:
    attempts = [Attempt.objects.select_related("slot").get(pk=make_attempt().pk)]
    attempts += [Attempt.objects.select_related("slot").get() for _ in range(CROWD - 1)]
    served = at_once(lambda number: leases.claim(attempts[number], slot=0, at=SOON), NotOffered)
    assert served == {"served": 1, "refused": CROWD - 1}
    assert AttemptEvent.objects.filter(target=AttemptState.RUNNING).count() == 1


def test_a_slot_is_given_away_once() -> None:
    make_builder()

    def offer(_: int) -> None:
        order = make_order(uuid4())
        avalanche.offer(order=order, task="t", builder="kiln", slot=0, reply_to=REPLY_TO, at=SOON)

    assert at_once(offer, avalanche.SlotTaken) == {"served": 1, "refused": CROWD - 1}
    assert Attempt.objects.count() == 1


def test_a_code_is_redeemed_once() -> None:
    code = enrolment.issue_code(name="kiln", tier=avalanche.Tier.TEST, at=AT)
    served = at_once(lambda _: enrolment.enrol(make_enrol_request(code), at=AT), EnrolmentRefused)
    assert served == {"served": 1, "refused": CROWD - 1}


def test_a_report_that_comes_several_times_at_once_is_taken_in_once_and_refused_to_nobody() -> None:
    make_attempt(AttemptState.RUNNING)
    attempts = [Attempt.objects.get() for _ in range(CROWD)]
    report = make_report(attempts[0])
    served = at_once(lambda number: reporting.accept(attempts[number], report, at=SOON), IllegalTransition)
    assert served == {"served": CROWD}
    assert Report.objects.count() == 1
    assert AttemptEvent.objects.filter(target=AttemptState.SUCCEEDED).count() == 1


def test_a_cancel_that_meets_a_report_comes_before_it_or_too_late() -> None:
    attempt = make_attempt(AttemptState.RUNNING)
    report = make_report(attempt)

    def deed(number: int) -> None:
        if number % 2:
            avalanche.cancel(attempt=attempt.pk, at=SOON)
        else:
            reporting.accept(Attempt.objects.get(), report, at=SOON)

    assert at_once(deed, IllegalTransition) == {"served": CROWD}
    ended = Attempt.objects.get()
    asked_in_time = ended.cancel_requested_at is not None
    assert ended.status == (AttemptState.CANCELLED if asked_in_time else AttemptState.SUCCEEDED)
