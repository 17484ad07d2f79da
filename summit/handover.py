"""Hands what an attempt built to the repository: from there on its task is published, or refused."""

from datetime import datetime

from summit import dispatch, publishing
from summit.models import AttemptRef


def hand_over(
    reference: AttemptRef, status: dispatch.AttemptStatus, *, build_seconds: float, sentence: str, at: datetime
) -> None:
    """Orders the import of what an attempt built and says so; raises `IllegalTransition` when its task moved on."""
    artefacts = status.report.artefacts if status.report is not None else ()
    source = dispatch.source_of(reference.attempt)
    reference.import_reference = publishing.request_import(
        reference=reference, artefacts=artefacts, base_uri=source.base_uri, audience=source.audience, at=at
    )
    AttemptRef.objects.filter(pk=reference.pk).update(import_reference=reference.import_reference)
    reference.task.publish(build_seconds=build_seconds, at=at, sentence=sentence)


def build_seconds_of(status: dispatch.AttemptStatus, *, at: datetime) -> float:
    """Gives how long an attempt built."""
    began, ended = status.started_at or status.offered_at, status.ended_at or at
    return (ended - began).total_seconds()
