"""What an agent says of its machine: enrolment, start, measurements."""

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from avalanche import enrolment, leases
from avalanche.api.agent.base import AgentView, answer
from avalanche.models import HostSample
from avalanche.models.enrolment import EnrolmentRefused
from serpent_infra.wire.builders import EnrolRequest, Hello
from serpent_infra.wire.builders import HostSample as Sample


class EnrolView(AgentView):
    """Takes a machine in that shows a one-shot code."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Answers 201 with the hub's key and a broker account; 403 where the code is worth nothing."""
        try:
            enrolled = enrolment.enrol(self.read(EnrolRequest), at=timezone.now())
        except EnrolmentRefused as error:
            raise PermissionDenied(str(error), code="enrolment-refused") from error
        return answer(enrolled, status=201)


class HelloView(AgentView):
    """Notes that an agent or a slot worker has started."""

    def post(self, request: Request) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Answers 204; what the hub believed to run on the slots named idle is lost."""
        now = timezone.now()
        leases.greet(self.builder, self.read(Hello), at=now)
        self.builder.note_seen(at=now)
        return HttpResponse(status=204)


class SamplesView(AgentView):
    """Keeps measurements."""

    def post(self, request: Request) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Answers 204."""
        now = timezone.now()
        HostSample.objects.record(builder=self.builder, sample=self.read(Sample), at=now)
        self.builder.note_seen(at=now)
        return HttpResponse(status=204)
