"""Stand-ins for avalanche's and vessel's doors: the same functions, kept in memory, driven by the test."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from avalanche.interfaces import (
    ArtefactSource,
    AttemptStatus,
    BuilderStatus,
    FreeSlot,
    LogTail,
    SlotTaken,
    Tier,
    UnknownAttempt,
)
from serpent_infra.formats.dependency import Capability
from serpent_infra.wire.orders import BuildOrder
from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind, BuildReport, FailureKind, Outcome
from vessel.interfaces import (
    ChannelMismatch,
    ImportReport,
    ImportStatus,
    Merge,
    NotAdmissible,
    PublishedPackage,
    UnknownImport,
    UnknownStream,
)
from vessel.interfaces import Expected as _Expected
from vessel.interfaces import ImportOrder as _ImportOrder


class FakeFleet:
    """avalanche's door: slots that a test names, and attempts that it ends."""

    SlotTaken = SlotTaken
    UnknownAttempt = UnknownAttempt

    def __init__(self) -> None:
        self.slots: dict[tuple[str, int], FreeSlot] = {}
        self.online: dict[str, bool] = {}
        self.orders: dict[UUID, BuildOrder] = {}
        self.attempts: dict[UUID, AttemptStatus] = {}
        self.places: dict[UUID, tuple[str, int]] = {}
        self.acknowledged: set[UUID] = set()
        self.released: set[UUID] = set()
        self.cancelled: set[UUID] = set()
        self.taken: set[tuple[str, int]] = set()  # slots that somebody else took between the look and the offer

    # What a test does

    def add_slots(self, builder: str = "b1", count: int = 1, *, tier: Tier = Tier.OFFICIAL, **facts: object) -> None:
        for index in range(count):
            values: dict[str, object] = {
                "builder": builder,
                "slot": index,
                "tier": tier,
                "architecture": "x86_64",
                "isa_levels": frozenset({"x86_64"}),
                "memory_limit": 0,
                "disk_free": 10**12,
            }
            self.slots[builder, index] = FreeSlot(**(values | facts))  # type: ignore[arg-type]
        self.online[builder] = True

    def order_for(self, name: str) -> BuildOrder:
        """Gives the newest order for a source."""
        return [order for order in self.orders.values() if order.source_name == name][-1]

    def end(
        self,
        attempt: UUID,
        status: str = "succeeded",
        *,
        at: datetime,
        kind: FailureKind | None = None,
        message: str = "",
        artefacts: Iterable[str] = ("package.stone",),
        sha256: str = "0" * 64,
        memory_peak: int | None = None,
        disk_peak: int | None = None,
    ) -> None:
        old = self.attempts[attempt]
        files = tuple(ArtefactInfo(kind=ArtefactKind.PACKAGE, name=name, size=1, sha256=sha256) for name in artefacts)
        report = None
        if status == "succeeded":
            report = BuildReport(
                attempt=attempt, epoch=1, outcome=Outcome.SUCCEEDED, isolation="none", log_size=0, artefacts=files
            )
        self.attempts[attempt] = changed(
            old,
            status=status,
            ended_at=at,
            report=report,
            failure_kind=kind,
            failure_message=message,
            memory_peak=memory_peak,
            disk_peak=disk_peak,
        )

    # The door

    def working_slots(self, *, at: datetime) -> list[FreeSlot]:
        idle = self.free_slots(at=at)
        fit = [slot for slot in self.slots.values() if self.online[slot.builder]]
        return [replace(slot, is_idle=slot in idle) for slot in fit]

    def known_slots(self, *, since: datetime, at: datetime) -> list[FreeSlot]:
        del since, at
        return list(self.slots.values())

    def free_slots(self, *, at: datetime) -> list[FreeSlot]:  # noqa: ARG002 - the door's signature
        busy = {self.places[key] for key, attempt in self.attempts.items() if attempt.is_open}
        return [slot for place, slot in self.slots.items() if place not in busy and self.online[slot.builder]]

    def fleet(self, *, at: datetime) -> list[BuilderStatus]:
        found = []
        for name in sorted({slot.builder for slot in self.slots.values()}):
            slots = [slot for slot in self.slots.values() if slot.builder == name]
            busy = [key for key, attempt in self.attempts.items() if attempt.is_open and attempt.builder == name]
            found.append(
                BuilderStatus(
                    name=name,
                    tier=slots[0].tier,
                    architecture=slots[0].architecture,
                    is_online=self.online[name],
                    is_draining=False,
                    problem="",
                    slots_total=len(slots),
                    slots_busy=len(busy),
                    disk_used=None,
                    disk_free=None,
                    seen_at=at,
                )
            )
        return found

    def offer(self, *, order: BuildOrder, task: str, builder: str, slot: int, reply_to: str, at: datetime) -> None:
        assert task
        assert reply_to == "summit.settle"
        if (builder, slot) in self.taken or any(
            attempt.is_open and self.places[key] == (builder, slot) for key, attempt in self.attempts.items()
        ):
            raise SlotTaken
        self.orders[order.attempt] = order
        self.places[order.attempt] = (builder, slot)
        self.attempts[order.attempt] = AttemptStatus(
            id=order.attempt,
            builder=builder,
            slot=slot,
            status="running",
            phase="",
            offered_at=at,
            started_at=at,
            ended_at=None,
            log_size=0,
            isolation="",
            report=None,
            failure_kind=None,
            failure_message="",
            memory_limit=self.slots[builder, slot].memory_limit,
            owner=self.slots[builder, slot].owner,
        )

    def cancel(self, *, attempt: UUID, at: datetime) -> None:
        self._known(attempt)
        self.cancelled.add(attempt)
        if self.attempts[attempt].is_open:
            self.end(attempt, "cancelled", at=at)

    def unsettled(self, *, reply_to: str) -> list[UUID]:  # noqa: ARG002 - the door's signature
        return [key for key, attempt in self.attempts.items() if not attempt.is_open and key not in self.acknowledged]

    def acknowledge(self, *, attempt: UUID, at: datetime) -> None:  # noqa: ARG002 - the door's signature
        self._known(attempt)
        self.acknowledged.add(attempt)

    def attempt_status(self, *, attempt: UUID) -> AttemptStatus:
        return self._known(attempt)

    def attempt_order(self, *, attempt: UUID) -> BuildOrder:
        self._known(attempt)
        return self.orders[attempt]

    def attempt_statuses(self, *, attempts: list[UUID]) -> Mapping[UUID, AttemptStatus]:
        return {key: self.attempts[key] for key in attempts if key in self.attempts}

    def log_tail(self, *, attempt: UUID, limit: int) -> LogTail:
        raise NotImplementedError

    def artefact_source(self, *, attempt: UUID) -> ArtefactSource:
        builder = self._known(attempt).builder
        return ArtefactSource(base_uri=f"http://{builder}.example/artefacts/{attempt}/", audience=builder)

    def release_artefacts(self, *, attempt: UUID, at: datetime) -> None:  # noqa: ARG002 - the door's signature
        self._known(attempt)
        self.released.add(attempt)

    def _known(self, attempt: UUID) -> AttemptStatus:
        if attempt not in self.attempts:
            raise UnknownAttempt(str(attempt))
        return self.attempts[attempt]


class FakeRepository:
    """vessel's door: streams in memory, imports that a test publishes or refuses."""

    Expected = _Expected
    ImportOrder = _ImportOrder
    ChannelMismatch = ChannelMismatch
    NotAdmissible = NotAdmissible
    UnknownImport = UnknownImport
    UnknownStream = UnknownStream

    def __init__(self) -> None:
        self.streams: dict[tuple[str, str], list[PublishedPackage]] = {}
        self.versions: dict[tuple[str, str], int] = {}
        self.imports: dict[str, _ImportOrder] = {}
        self.reports: dict[str, ImportReport] = {}
        self.acknowledged: set[str] = set()
        self.origins: dict[tuple[str, str], list[PublishedPackage]] = {}
        self.merged: dict[tuple[str, str], Merge] = {}

    # What a test does

    def publish(
        self,
        name: str,
        release: int = 1,
        *provides: str,
        channel: str = "main",
        stream: str = "volatile",
        **facts: object,
    ) -> None:
        """Publishes one package; `provides` are texts, its own name is added."""
        values: dict[str, object] = {
            "name": name,
            "source_name": name,
            "version": "1.0",
            "release": release,
            "build_release": 1,
            "architecture": "x86_64",
            "provides": frozenset({Capability.name(name), *map(Capability.parse, provides)}),
            "depends": frozenset(),
        }
        place = (channel, stream)
        kept = [package for package in self.streams.get(place, []) if package.name != name]
        self.streams[place] = [*kept, PublishedPackage(**(values | facts))]  # type: ignore[arg-type]
        self.versions[place] = self.versions.get(place, 0) + 1

    def take_in(self, reference: str, *provides: str, at: datetime) -> None:
        """Ends an import well: its source's package is published."""
        order = self.imports[reference]
        self.publish(
            order.expected.source_name,
            order.expected.release,
            *provides,
            channel=order.channel,
            stream=order.stream,
            version=order.expected.version,
            build_release=order.expected.build_release,
        )
        self._report(reference, ImportStatus.PUBLISHED, version=f"v{self.versions[order.channel, order.stream]}", at=at)

    def refuse(self, reference: str, problem: str, *, is_infrastructure: bool = False, at: datetime) -> None:
        self._report(reference, ImportStatus.REFUSED, problem=problem, is_infrastructure=is_infrastructure, at=at)

    # The door

    def ensure_stream(
        self, *, channel: str, stream: str, architectures: tuple[str, ...], official: bool, at: datetime
    ) -> None:
        assert architectures
        assert isinstance(official, bool)
        assert at.tzinfo is not None
        self.streams.setdefault((channel, stream), [])
        self.versions.setdefault((channel, stream), 0)

    def branch_stream(self, *, channel: str, stream: str, branch: str, at: datetime) -> None:
        assert at.tzinfo is not None
        if (channel, stream) not in self.streams:
            raise UnknownStream(f"there is no stream {channel}/{stream}")
        if self.streams.setdefault((channel, branch), []) == self.origins.get((channel, branch), []):
            packages = self.streams[channel, stream]
            self.origins[channel, branch], self.streams[channel, branch] = list(packages), list(packages)
            self.versions[channel, branch] = 0

    def merge_branch(self, *, channel: str, branch: str, stream: str, who: str, why: str, at: datetime) -> Merge:
        assert isinstance(who, str)
        assert why
        assert at.tzinfo is not None
        if (channel, branch) in self.merged:
            return self.merged[channel, branch]
        if (channel, branch) not in self.streams:
            raise UnknownStream(f"there is no stream {channel}/{branch}")
        held = {package.name: package for package in self.streams[channel, stream]}
        kept = []
        for package in self.streams[channel, branch]:
            present = held.get(package.name)
            if package in self.origins[channel, branch] or present == package:
                continue
            if present is not None and _order(present) >= _order(package):
                kept.append(f"{present.source_name} {present.version}-{present.release}")
            else:
                held[package.name] = package
        self.streams[channel, stream] = list(held.values())
        self.versions[channel, stream] += 1
        self.merged[channel, branch] = Merge(version=f"v{self.versions[channel, stream]}", kept=tuple(kept))
        return self.merged[channel, branch]

    def drop_branch(self, *, channel: str, branch: str, at: datetime) -> bool:
        assert at.tzinfo is not None
        if any(order.stream == branch and self.reports[reference].is_open for reference, order in self.imports.items()):
            return False
        for table in (self.streams, self.versions, self.origins):
            table.pop((channel, branch), None)
        return True

    def request_import(self, *, order: _ImportOrder, reply_to: str, at: datetime) -> None:
        assert reply_to == "summit.settle_import"
        if order.reference not in self.imports:
            self.imports[order.reference] = order
            self._report(order.reference, ImportStatus.REQUESTED, at=at)

    def import_report(self, *, reference: str) -> ImportReport:
        if reference not in self.reports:
            raise UnknownImport(reference)
        return self.reports[reference]

    def unsettled(self, *, reply_to: str) -> list[str]:  # noqa: ARG002 - the door's signature
        return [key for key, report in self.reports.items() if not report.is_open and key not in self.acknowledged]

    def acknowledge(self, *, reference: str, at: datetime) -> None:  # noqa: ARG002 - the door's signature
        self.acknowledged.add(reference)

    def stream_version(self, *, channel: str, stream: str) -> str:
        if (channel, stream) not in self.versions:
            raise UnknownStream(stream)
        return f"v{self.versions[channel, stream]}"

    def published_packages(
        self, *, channel: str, stream: str, architecture: str, source_name: str = "", source_names: Collection[str] = ()
    ) -> tuple[str, list[PublishedPackage]]:
        version = self.stream_version(channel=channel, stream=stream)
        packages = [package for package in self.streams[channel, stream] if package.architecture == architecture]
        wanted = {*source_names, *([source_name] if source_name else [])}
        return version, [package for package in packages if not wanted or package.source_name in wanted]

    def index_uri(self, *, channel: str, version: str, architecture: str) -> str:
        return f"http://repository.example/{channel}/history/{version}/{architecture}/stone.index"

    def _report(
        self,
        reference: str,
        status: ImportStatus,
        *,
        version: str = "",
        problem: str = "",
        is_infrastructure: bool = False,
        at: datetime,
    ) -> None:
        self.reports[reference] = ImportReport(
            reference=reference,
            status=status,
            version=version,
            problem=problem,
            is_infrastructure_problem=is_infrastructure,
            updated_at=at,
        )


def _order(package: PublishedPackage) -> tuple[int, int]:
    return package.release, package.build_release


def changed(old: AttemptStatus, /, **changes: object) -> AttemptStatus:
    values = {name: getattr(old, name) for name in AttemptStatus.__dataclass_fields__}
    return AttemptStatus(**(values | changes))
