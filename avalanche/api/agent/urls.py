"""The addresses agents use, below /api/agent/v1/."""

from django.urls import path

from avalanche.api.agent import attempts, machine

urlpatterns = [
    path("enrol", machine.EnrolView.as_view(), name="agent-enrol"),
    path("hello", machine.HelloView.as_view(), name="agent-hello"),
    path("samples", machine.SamplesView.as_view(), name="agent-samples"),
    path("attempts/droppable", attempts.DroppableView.as_view(), name="agent-droppable"),
    path("attempts/<uuid:attempt>/claim", attempts.ClaimView.as_view(), name="agent-claim"),
    path("attempts/<uuid:attempt>/renew", attempts.RenewView.as_view(), name="agent-renew"),
    path("attempts/<uuid:attempt>/log", attempts.LogView.as_view(), name="agent-log"),
    path("attempts/<uuid:attempt>/report", attempts.ReportView.as_view(), name="agent-report"),
    path("attempts/<uuid:attempt>/dropped", attempts.DroppedView.as_view(), name="agent-dropped"),
]
