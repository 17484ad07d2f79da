"""What a builder says when an attempt has ended: outcome, artefacts, phase times, and why it failed."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from serpent_infra.wire.names import ByteCount, Epoch, FileName, Sha256

EXCERPT_LIMIT = 8 * 1024  # characters of log that travel with a failure
MANIFEST_BYTES = 768 * 2**10  # of all manifests that travel with a report


class Outcome(StrEnum):
    """How an attempt ended, as its builder saw it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FailureKind(StrEnum):
    """Whose fault a failure is, by name: the first group is the packager's, the second the infrastructure's."""

    RECIPE = "recipe"  # the recipe at that commit does not parse, or is not what was ordered
    DEPENDENCY = "dependency"  # a build dependency that no remote and not the base image provides
    FETCH = "fetch"  # an upstream that cannot be had
    HASH_MISMATCH = "hash-mismatch"  # an upstream that is not what the recipe pins
    PHASE = "phase"  # a phase ended with a non-zero status
    PACKAGING = "packaging"  # the install tree cannot become packages (a path outside /usr, say)
    MANIFEST_MISMATCH = "manifest-mismatch"  # the build is not what the manifest at that commit promises
    TIME_LIMIT = "time-limit"
    SILENCE_LIMIT = "silence-limit"
    LOG_LIMIT = "log-limit"

    BUILDER_LOST = "builder-lost"
    OUT_OF_MEMORY = "out-of-memory"  # the kernel killed part of a phase that then failed: its slot has too little
    DISK_FULL = "disk-full"
    SANDBOX = "sandbox"
    HUB = "hub"


INFRASTRUCTURE_FAILURES = frozenset(
    {
        FailureKind.BUILDER_LOST,
        FailureKind.OUT_OF_MEMORY,
        FailureKind.DISK_FULL,
        FailureKind.SANDBOX,
        FailureKind.HUB,
    }
)


class MemoryMethod(StrEnum):
    """How the peak of memory was measured: what is held but not the page cache, by whoever counts it best there."""

    CGROUP = "cgroup"  # control group, version 2: the kernel's own peak, and what was sampled beside it
    CGROUP_V1 = "cgroup-v1"
    PROCESSES = "processes"  # a sampled sum over the process tree


class ArtefactKind(StrEnum):
    """What a file that a build leaves is for; only packages are published."""

    PACKAGE = "package"
    BINARY_MANIFEST = "binary-manifest"
    JSON_MANIFEST = "json-manifest"


class ArtefactInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One file that a build leaves: `size` in bytes, `sha256` in lower-case hex."""

    kind: ArtefactKind
    name: FileName
    size: ByteCount
    sha256: Sha256


class BuiltManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest as a build made it, where the commit has none or another: for the packager to take over."""

    name: FileName
    data: Annotated[bytes, msgspec.Meta(max_length=MANIFEST_BYTES)]


class PhaseTime(msgspec.Struct, frozen=True, kw_only=True):
    """How long a phase took, and where its output begins in the log (byte offset)."""

    name: str
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    log_offset: ByteCount


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt failed: a sentence for people, and the lines of the log that show it."""

    kind: FailureKind
    message: Annotated[str, msgspec.Meta(max_length=2000)]
    phase: str = ""
    excerpt: Annotated[str, msgspec.Meta(max_length=EXCERPT_LIMIT)] = ""


class BuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """The one report of an attempt; repeating it changes nothing, an older epoch is refused.

    `failure` is present exactly when `outcome` is `failed`; `artefacts` only when it is `succeeded`. `manifests` come
    with either, up to `MANIFEST_BYTES` in all. `memory_peak` and `disk_peak` are the most bytes that the attempt held
    at once, absent where nobody measured; `memory_method` comes with the first.
    """

    attempt: UUID
    epoch: Epoch
    outcome: Outcome
    isolation: str  # the sandbox and level reached, e.g. "nspawn" or "bubblewrap"
    log_size: ByteCount
    phases: tuple[PhaseTime, ...] = ()
    artefacts: tuple[ArtefactInfo, ...] = ()
    manifests: tuple[BuiltManifest, ...] = ()
    failure: Failure | None = None
    memory_peak: ByteCount | None = None
    memory_method: MemoryMethod | None = None
    disk_peak: ByteCount | None = None
