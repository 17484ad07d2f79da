"""The frozen types of avalanche's door: what askers see of builders, slots and attempts, and what may be refused."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from serpent_infra.wire.reports import BuildReport, FailureKind


class Tier(StrEnum):
    """How far a builder is trusted."""

    TEST = "test"
    OFFICIAL = "official"


class SlotTaken(Exception):
    """The slot was given away, drained or fell silent between the look and the offer."""


class UnknownAttempt(Exception):
    """No attempt has this id."""


@dataclass(frozen=True, kw_only=True)
class FreeSlot:
    """A slot that may be offered work, now or (when it is not idle) later; bytes, `memory_limit` 0 for no limit."""

    builder: str
    slot: int
    tier: Tier
    architecture: str
    isa_levels: frozenset[str]
    memory_limit: int
    disk_free: int
    is_idle: bool = True
    owner: int = 0  # the number of the person whose builder it is, 0 where it is nobody's in particular


@dataclass(frozen=True, kw_only=True)
class BuilderStatus:
    """One builder as the fleet strip shows it; `disk_*` in bytes, None before the first sample."""

    name: str
    tier: Tier
    architecture: str
    is_online: bool
    is_draining: bool
    problem: str  # a sentence when something is wrong (silent, disk nearly full), else ""
    slots_total: int
    slots_busy: int
    disk_used: int | None
    disk_free: int | None
    seen_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class AttemptStatus:
    """One attempt as its asker sees it: `status` is a value of `avalanche.states.AttemptState`."""

    id: UUID
    builder: str
    slot: int
    status: str
    phase: str
    offered_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    log_size: int
    isolation: str
    report: BuildReport | None  # as the builder sent it, once it did; `status` decides, not the report's outcome
    failure_kind: FailureKind | None  # also set when the hub itself ended the attempt (lost, expired)
    failure_message: str
    memory_peak: int | None = None  # bytes that it held at once at most, once it has ended and where it was measured
    disk_peak: int | None = None
    memory_limit: int = 0  # of its slot in bytes, 0 for none
    owner: int = 0  # of its builder, as `FreeSlot.owner`

    @property
    def is_open(self) -> bool:
        """Says whether the attempt may still bring a report."""
        return self.ended_at is None


@dataclass(frozen=True, kw_only=True)
class ArtefactSource:
    """Where an attempt's artefacts lie: URL of a file is `base_uri` + its name, token audience is the builder."""

    base_uri: str
    audience: str


@dataclass(frozen=True, kw_only=True)
class LogTail:
    """The end of a build log: `offset` is the byte where `text` begins, `size` the length of the whole in bytes."""

    offset: int
    size: int
    text: str
