"""One attempt on one slot, from the bell to the report: what `avalanche.build` does.

It claims and builds; the lease, the log and the report each have a module of their own. What goes wrong in a build
becomes the report's failure; what goes wrong with the hub ends in a dropped attempt, which the hub settles as lost.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from avalanche.agent import artefacts, workspace
from avalanche.agent.configuration import Configuration
from avalanche.agent.hub import HubRefused, HubUnreachable
from avalanche.agent.journal import Journal
from avalanche.agent.lease import RENEW_SECONDS, LeaseKeeper, Renewing
from avalanche.agent.limits import Interruption, Watch
from avalanche.agent.reporter import LeaseLost, failure_of, proposals, report
from avalanche.agent.sandbox.cgroups import Group
from avalanche.agent.sandbox.mounts import unmount_under
from avalanche.agent.sandbox.probe import NoSandbox
from avalanche.agent.sandbox.protocol import Sandbox, SandboxFailed
from avalanche.agent.stream import LogStream, TakingLogs
from avalanche.agent.tools.protocol import Job
from avalanche.agent.usage import DiskGauge, Measured
from avalanche.agent.workspace import Workspace
from serpent_infra.wire.builders import Hello, SlotInfo
from serpent_infra.wire.orders import ClaimAnswer
from serpent_infra.wire.reports import ArtefactInfo, BuildReport

logger = logging.getLogger(__name__)

_NO_ISOLATION = "none"


class Hub(Renewing, TakingLogs, Protocol):
    """The hub as a slot sees it; see `avalanche.agent.hub.HubClient`."""

    def claim(self, *, attempt: UUID, slot: int) -> ClaimAnswer:
        """Takes an offered attempt over."""

    def report(self, report: BuildReport) -> None:
        """Hands in the one report, repeated until it is accepted or refused."""

    def hello(self, hello: Hello) -> None:
        """Says that a slot runs nothing."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One slot of this machine; `connect` makes a hub client, one a thread."""

    info: SlotInfo
    configuration: Configuration
    connect: Callable[[], Hub]
    renew_seconds: float = RENEW_SECONDS

    @property
    def directory(self) -> Path:
        """Where this slot works."""
        return self.configuration.slot_dir(self.info.index)

    def prepare(self) -> None:
        """Clears away what a killed worker left: its processes, mounts and workspaces; then greets the hub."""
        Group.of(self.configuration.group_name(self.info.index)).remove()
        unmount_under(self.directory)
        workspace.put_aside(self.directory)
        self._sweep_aside()
        self._say_idle()

    def run(self, attempt: UUID) -> None:
        """Claims an attempt, builds it and reports; returns quietly where it is not ours to build."""
        hub = self.connect()
        try:
            claim = hub.claim(attempt=attempt, slot=self.info.index)
        except HubRefused as refusal:
            logger.info("Attempt %s is not ours: %s", attempt, refusal)
            # Should it have been an answer to us that got lost, the attempt runs nowhere: the hub learns it now.
            self._say_idle()
            return
        except HubUnreachable as error:
            logger.warning("Attempt %s could not be claimed: %s", attempt, error)
            return
        logger.info("Attempt %s begins: %s", attempt, claim.order.title)
        try:
            self._hand_in(hub, self._attempt(claim), attempt)
        except LeaseLost:
            logger.warning("Attempt %s is lost; it is dropped", attempt)
            artefacts.drop(self.configuration.builder_dir, attempt)
        finally:
            workspace.put_aside(self.directory)
            self._sweep_aside()

    def _attempt(self, claim: ClaimAnswer) -> BuildReport:
        """Builds and gives the report, with log and lease kept up meanwhile; raises `LeaseLost`."""
        order, epoch = claim.order, claim.lease.epoch
        place = Workspace.fresh(self.directory)
        journal = Journal(place.log_path, limit=order.limits.log_bytes)
        interruption = Interruption()
        lease = LeaseKeeper(
            self.connect(),
            attempt=order.attempt,
            epoch=epoch,
            lease_seconds=self.configuration.lease_seconds,
            phase=lambda: journal.phase,
            interruption=interruption,
            every_seconds=self.renew_seconds,
        )
        stream = LogStream(self.connect(), journal, attempt=order.attempt, epoch=epoch)
        watch = Watch(
            limits=order.limits,
            journal=journal,
            interruption=interruption,
            disk=place.directory,
            minimum_free=self.configuration.minimum_free,
        )
        lease.start()
        stream.start()
        try:
            return self._build(claim, place, journal, watch, stream)
        finally:
            lease.stop()
            stream.stop()
            journal.close()

    def _build(
        self, claim: ClaimAnswer, place: Workspace, journal: Journal, watch: Watch, stream: LogStream
    ) -> BuildReport:
        order = claim.order
        made: tuple[ArtefactInfo, ...] = ()
        failure, isolation, is_cancelled = None, _NO_ISOLATION, False
        disk, sandbox = DiskGauge(place.directory), None
        disk.start()
        try:
            sandbox = Measured(self._sandbox())
            isolation = sandbox.isolation
            watch.check()
            means = self.configuration.means(sandbox, jobs=len(self.info.cpus) or 1)
            job = Job(order=order, workspace=place, means=means, journal=journal, watch=watch)
            made = self.configuration.tool().build(job)
            disk.finish()  # before the artefacts are moved away
            self._keep(place, order.attempt)
        except Exception as error:  # noqa: BLE001 - every end of a build is reported; failure_of tells them apart
            disk.finish()
            failure = failure_of(error, watch=watch, phase=journal.phase)
            is_cancelled = failure is None
            journal.say(f"==> {'cancelled' if failure is None else f'failed ({failure.kind}): {failure.message}'}")
        else:
            journal.say("==> succeeded")
        journal.close()
        stream.finish()
        return report(
            attempt=order.attempt,
            epoch=claim.lease.epoch,
            isolation=isolation,
            journal=journal,
            artefacts=made,
            manifests=proposals(place),
            failure=failure,
            is_cancelled=is_cancelled,
            memory=sandbox.memory if sandbox else None,
            disk_peak=disk.peak,
        )

    def _sandbox(self) -> Sandbox:
        try:
            return self.configuration.sandbox(self.info.index, cpus=self.info.cpus, memory_limit=self.info.memory_limit)
        except NoSandbox as error:
            raise SandboxFailed(str(error)) from error

    def _keep(self, place: Workspace, attempt: UUID) -> None:
        """Moves the artefacts to where they are served from, before anybody is told of them."""
        kept = artefacts.directory_of(self.configuration.builder_dir, attempt)
        kept.parent.mkdir(parents=True, exist_ok=True)
        artefacts.drop(self.configuration.builder_dir, attempt)
        place.artefacts_dir.rename(kept)

    def _hand_in(self, hub: Hub, ended: BuildReport, attempt: UUID) -> None:
        try:
            hub.report(ended)
        except HubRefused as refusal:
            logger.warning("The report of attempt %s was refused: %s", attempt, refusal)
            raise LeaseLost from refusal
        except HubUnreachable as error:
            logger.warning("The report of attempt %s could not be handed in: %s", attempt, error)
            raise LeaseLost from error
        logger.info("Attempt %s has ended: %s", attempt, ended.outcome)

    def _say_idle(self) -> None:
        try:
            self.connect().hello(Hello(idle_slots=(self.info.index,)))
        except (HubRefused, HubUnreachable) as error:
            logger.warning("The hub was not greeted: %s", error)

    def _sweep_aside(self) -> None:
        """Removes old workspaces while the slot is free for the next attempt already."""
        threading.Thread(target=workspace.sweep_aside, args=(self.directory,), name="sweep", daemon=True).start()
