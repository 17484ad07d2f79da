"""Takes in the one report of an attempt, checked against what was asked."""

from datetime import datetime

import msgspec
from django.conf import settings
from django.db import transaction

from avalanche import doorbell, leases, logs
from avalanche.models import Artefact, Attempt, PhaseTime, Report
from avalanche.refusals import AttemptClosed, InvalidField
from avalanche.states import IllegalTransition
from serpent_infra.wire.reports import MANIFEST_BYTES, BuildReport, Outcome

MOST_ARTEFACTS = 4096
MOST_PHASES = 256
NAME_LENGTH = 100


def accept(attempt: Attempt, report: BuildReport, *, at: datetime) -> None:
    """Ends an attempt by its report and rings the asker after commit; the same report again changes nothing.

    Raises `InvalidField`, `StaleLease` and `AttemptClosed`. An attempt that was asked to end is cancelled whatever the
    report says: nothing that came of it is published.
    """
    _check(attempt, report)
    if _is_known(attempt, report):
        return
    leases.check(attempt, epoch=report.epoch)
    try:
        with transaction.atomic():
            _end(attempt, report, at=at)
            attempt.record(
                isolation=report.isolation[:NAME_LENGTH],
                log_size=logs.size_of(attempt.pk),
                memory_peak=report.memory_peak,
                memory_method=report.memory_method or "",
                disk_peak=report.disk_peak,
            )
            Report.objects.create(attempt=attempt, epoch=report.epoch, body=msgspec.to_builtins(report), received_at=at)
            _keep_parts(attempt, report)
            doorbell.ring_asker_on_commit(attempt)
    except IllegalTransition as error:
        # A builder that lost patience repeats its report while the first is still being taken in.
        if not _is_known(attempt, report):
            raise AttemptClosed("The attempt has just ended.") from error


def _is_known(attempt: Attempt, report: BuildReport) -> bool:
    known = Report.objects.filter(attempt=attempt).first()
    return known is not None and msgspec.convert(known.body, BuildReport) == report


def _end(attempt: Attempt, report: BuildReport, *, at: datetime) -> None:
    # The row stays locked until the end is committed: a wish to cancel comes before, or finds the attempt closed.
    attempt.refresh_from_db(fields=["cancel_requested_at"], from_queryset=Attempt.objects.select_for_update())
    if attempt.cancel_requested_at is not None:
        attempt.cancel(at=at, note=f"cancelled on request; the builder reported {report.outcome}")
    elif report.failure is not None:
        attempt.fail(kind=report.failure.kind, message=report.failure.message, at=at)
    elif report.outcome is Outcome.SUCCEEDED:
        attempt.succeed(at=at)
    else:
        attempt.lose(message="The builder gave the build up.", at=at)


def _keep_parts(attempt: Attempt, report: BuildReport) -> None:
    Artefact.objects.bulk_create(
        Artefact(attempt=attempt, kind=file.kind.value, name=file.name, size=file.size, sha256=file.sha256)
        for file in report.artefacts
    )
    PhaseTime.objects.bulk_create(
        PhaseTime(
            attempt=attempt,
            position=position,
            name=phase.name[:NAME_LENGTH],
            seconds=phase.seconds,
            log_offset=phase.log_offset,
        )
        for position, phase in enumerate(report.phases)
    )


def _check(attempt: Attempt, report: BuildReport) -> None:
    """Refuses what no honest builder says; names and hashes were checked when the message was decoded."""
    if report.attempt != attempt.pk:
        raise InvalidField("attempt", "is another attempt")
    if (report.failure is not None) != (report.outcome is Outcome.FAILED):
        raise InvalidField("failure", "is present exactly when the outcome is failed")
    if report.artefacts and report.outcome is not Outcome.SUCCEEDED:
        raise InvalidField("artefacts", "are left only by a build that succeeded")
    if len(report.artefacts) > MOST_ARTEFACTS:
        raise InvalidField("artefacts", f"are more than {MOST_ARTEFACTS}")
    if len({file.name for file in report.artefacts}) != len(report.artefacts):
        raise InvalidField("artefacts", "name a file twice")
    if sum(file.size for file in report.artefacts) > settings.SERPENT_ARTEFACT_BYTES:
        raise InvalidField("artefacts", f"are larger than {settings.SERPENT_ARTEFACT_BYTES} bytes")
    if sum(len(file.data) for file in report.manifests) > MANIFEST_BYTES:
        raise InvalidField("manifests", f"are larger than {MANIFEST_BYTES} bytes")
    if len({file.name for file in report.manifests}) != len(report.manifests):
        raise InvalidField("manifests", "name a file twice")
    _check_measures(report)


def _check_measures(report: BuildReport) -> None:
    if len(report.phases) > MOST_PHASES:
        raise InvalidField("phases", f"are more than {MOST_PHASES}")
    if (report.memory_peak is None) != (report.memory_method is None):
        raise InvalidField("memory_method", "is present exactly when the peak of memory is")
