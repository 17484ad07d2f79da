"""avalanche's tables, one module an aggregate."""

from avalanche.models.attempts import Attempt, AttemptEvent
from avalanche.models.builders import Builder, Slot
from avalanche.models.enrolment import EnrolmentCode
from avalanche.models.reports import Artefact, PhaseTime, Report
from avalanche.models.samples import HostSample

__all__ = [
    "Artefact",
    "Attempt",
    "AttemptEvent",
    "Builder",
    "EnrolmentCode",
    "HostSample",
    "PhaseTime",
    "Report",
    "Slot",
]
