"""A hub in memory, as the slot's worker sees it: keeps what it is told, and refuses or vanishes when told to."""

import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from avalanche.agent.hub import HubRefused, HubUnreachable, LogGap
from serpent_infra.wire.builders import Hello
from serpent_infra.wire.orders import BuildOrder, ClaimAnswer, Lease, RenewAnswer
from serpent_infra.wire.reports import BuildReport


def refusal(status: int, code: str) -> HubRefused:
    """Makes the refusal that a client raises."""
    return HubRefused(status=status, code=code, detail=code, body={"code": code})


class FakeHub:
    """Offers one order; `is_away` makes it unreachable, `wants_cancel` and `is_stale` are its answers to renewals."""

    def __init__(self, order: BuildOrder | None = None) -> None:
        self.order = order
        self.log = bytearray()
        self.reports: list[BuildReport] = []
        self.renewals: list[str] = []
        self.hellos: list[Hello] = []
        self.is_away = False
        self.wants_cancel = False
        self.is_stale = False
        self.refuses_report = False
        self.epoch = 1
        self.renewed = threading.Event()

    def claim(self, *, attempt: UUID, slot: int) -> ClaimAnswer:
        del slot
        if self.order is None or attempt != self.order.attempt:
            raise refusal(409, "not-offered")
        return ClaimAnswer(order=self.order, lease=self._lease())

    def renew(self, *, attempt: UUID, epoch: int, phase: str, patience: float = 0) -> RenewAnswer:
        del attempt, patience
        self._answer(epoch)
        self.renewals.append(phase)
        self.renewed.set()
        return RenewAnswer(lease=self._lease(), cancel=self.wants_cancel)

    def append_log(self, *, attempt: UUID, epoch: int, offset: int, chunk: bytes, patience: float = 0) -> int:
        del attempt, patience
        self._answer(epoch)
        if offset > len(self.log):
            raise LogGap(len(self.log))
        self.log += chunk[len(self.log) - offset :]
        return len(self.log)

    def report(self, report: BuildReport) -> None:
        while self.is_away:  # the real client repeats a report until it is answered
            time.sleep(0.02)
        self._answer(report.epoch)
        if self.refuses_report:
            raise refusal(409, "attempt-closed")
        self.reports.append(report)

    def hello(self, hello: Hello) -> None:
        self._answer(self.epoch)
        self.hellos.append(hello)

    def _answer(self, epoch: int) -> None:
        if self.is_away:
            raise HubUnreachable("the hub is away")
        if self.is_stale or epoch != self.epoch:
            raise refusal(409, "stale-lease")

    def _lease(self) -> Lease:
        return Lease(epoch=self.epoch, expires_at=datetime.now(UTC) + timedelta(seconds=45))
