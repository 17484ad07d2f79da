"""What an agent does with an attempt: claim, renew, log, report, drop."""

from typing import Final
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from avalanche import leases, reporting
from avalanche.api.agent.base import AgentView, answer
from avalanche.models import Attempt
from avalanche.refusals import InvalidField
from serpent_infra.wire.builders import Droppable, LogSize
from serpent_infra.wire.orders import ClaimRequest, RenewRequest
from serpent_infra.wire.reports import BuildReport

LOG_CHUNK_BYTES: Final = 2**20
MOST_DROPPABLE: Final = 500
DIGITS: Final = 15


class ClaimView(AgentView):
    """Hands an offered attempt over with its order and a lease."""

    def post(self, request: Request, attempt: UUID) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Answers 409 `not-offered` where the attempt is not, or no longer, on offer to this slot."""
        found, now = self.attempt_of_builder(attempt), timezone.now()
        claimed = leases.claim(found, slot=self.read(ClaimRequest).slot, at=now)
        self.builder.note_seen(at=now)
        return answer(claimed)


class RenewView(AgentView):
    """Prolongs a lease."""

    def post(self, request: Request, attempt: UUID) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Answers with the lease and whether to end the build; 409 `stale-lease` or `attempt-closed`."""
        found, now = self.attempt_of_builder(attempt), timezone.now()
        renewed = leases.renew(found, self.read(RenewRequest), at=now)
        self.builder.note_seen(at=now)
        return answer(renewed)


class LogView(AgentView):
    """Takes bytes of a log in."""

    def put(self, request: Request, attempt: UUID) -> HttpResponse:
        """Appends what begins at `?offset=` and answers with the log's size; 409 `log-gap` names it, too."""
        found = self.attempt_of_builder(attempt)
        epoch, offset = (_number(request, name) for name in ("epoch", "offset"))
        chunk = self.read_bytes(LOG_CHUNK_BYTES)
        return answer(LogSize(size=leases.append_log(found, epoch=epoch, offset=offset, chunk=chunk)))


class ReportView(AgentView):
    """Takes the one report of an attempt in."""

    def post(self, request: Request, attempt: UUID) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Answers 204, also when the same report comes again; 409 `stale-lease` or `attempt-closed`."""
        found, now = self.attempt_of_builder(attempt), timezone.now()
        reporting.accept(found, self.read(BuildReport), at=now)
        self.builder.note_seen(at=now)
        return HttpResponse(status=204)


class DroppableView(AgentView):
    """Says whose artefacts are wanted no more."""

    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Lists attempts, the oldest first, a bounded number at a time."""
        droppable = Attempt.objects.droppable().filter(builder=self.builder).order_by("ended_at")
        return answer(Droppable(attempts=tuple(droppable.values_list("pk", flat=True)[:MOST_DROPPABLE])))


class DroppedView(AgentView):
    """Notes that nothing of an attempt is left on its builder."""

    def post(self, request: Request, attempt: UUID) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Answers 204; an attempt whose artefacts are still wanted stays as it is."""
        self.attempt_of_builder(attempt).note_dropped(at=timezone.now())
        return HttpResponse(status=204)


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        raise InvalidField(name, "must be a number")
    return int(text)
