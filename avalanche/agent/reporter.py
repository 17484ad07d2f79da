"""From the end of a build to the one report of its attempt, whatever the end was."""

import errno
import logging
from uuid import UUID

from avalanche.agent.journal import Journal
from avalanche.agent.limits import FAILURES, BuildStopped, Stopped, Watch
from avalanche.agent.sandbox.memory import MemoryUse
from avalanche.agent.sandbox.protocol import SandboxFailed
from avalanche.agent.tools.protocol import BuildFailed
from avalanche.agent.workspace import Workspace
from serpent_infra.wire.names import BYTE_LIMIT
from serpent_infra.wire.reports import ArtefactInfo, BuildReport, BuiltManifest, Failure, FailureKind, Outcome

logger = logging.getLogger(__name__)

_MESSAGE_LIMIT = 2000
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})


class LeaseLost(Exception):
    """The attempt is somebody else's by now: there is nothing to report."""


def failure_of(error: Exception, *, watch: Watch, phase: str) -> Failure | None:
    """Names a failure's kind and says it in a sentence; None when the build was cancelled. Raises `LeaseLost`.

    What no tool should let out is a fault of ours: it is logged with its traceback and reported without.
    """
    match error:
        case BuildFailed():
            return error.failure
        case BuildStopped(reason=Stopped.LEASE_LOST):
            raise LeaseLost from error
        case BuildStopped(reason=Stopped.CANCELLED):
            return None
        case BuildStopped(reason=reason):
            return Failure(kind=FAILURES[reason], message=watch.sentence(reason), phase=phase)
        case SandboxFailed():
            return _failure(FailureKind.SANDBOX, f"The sandbox failed: {error}", phase)
        case OSError() if error.errno in _DISK_ERRORS:
            return Failure(kind=FailureKind.DISK_FULL, message=watch.sentence(Stopped.DISK_FULL), phase=phase)
        case _:
            logger.error("The build tool failed", exc_info=error)
            return _failure(FailureKind.SANDBOX, f"The builder failed: {type(error).__name__}: {error}", phase)


def proposals(place: Workspace) -> tuple[BuiltManifest, ...]:
    """Reads the manifests that the tool laid out for the packager, by name."""
    return tuple(
        BuiltManifest(name=path.name, data=path.read_bytes()) for path in sorted(place.proposals_dir.iterdir())
    )


def report(
    *,
    attempt: UUID,
    epoch: int,
    isolation: str,
    journal: Journal,
    artefacts: tuple[ArtefactInfo, ...] = (),
    manifests: tuple[BuiltManifest, ...] = (),
    failure: Failure | None = None,
    is_cancelled: bool = False,
    memory: MemoryUse | None = None,
    disk_peak: int | None = None,
) -> BuildReport:
    """Makes the report of an ended build; its log must be whole by now."""
    ended = Outcome.FAILED if failure else Outcome.SUCCEEDED
    outcome = Outcome.CANCELLED if is_cancelled else ended
    return BuildReport(
        attempt=attempt,
        epoch=epoch,
        outcome=outcome,
        isolation=isolation,
        log_size=journal.size,
        phases=tuple(journal.phases),
        artefacts=artefacts if outcome is Outcome.SUCCEEDED else (),
        manifests=() if is_cancelled else manifests,
        failure=failure,
        memory_peak=None if memory is None else min(memory.peak, BYTE_LIMIT),
        memory_method=None if memory is None else memory.method,
        disk_peak=None if disk_peak is None else min(disk_peak, BYTE_LIMIT),
    )


def _failure(kind: FailureKind, message: str, phase: str) -> Failure:
    return Failure(kind=kind, message=message[:_MESSAGE_LIMIT], phase=phase)
