"""What is asked of a builder: one attempt at one recipe at one commit, and the lease it is held by."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from serpent_infra.wire.names import (
    Architecture,
    ByteCount,
    CommitId,
    Epoch,
    FileName,
    Identifier,
    IsaLevel,
    RecipePath,
)

Seconds = Annotated[int, msgspec.Meta(ge=1, le=7 * 86400)]


class BuildPurpose(StrEnum):
    """Why a recipe is built: decides which builders may and where the result may go."""

    OFFICIAL = "official"
    TEST = "test"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the recipe stands: exactly this commit, never the branch."""

    origin_uri: str
    commit: CommitId
    recipe_path: RecipePath  # of stone.yaml, relative to the repository's root


class RemoteIndex(msgspec.Struct, frozen=True, kw_only=True):
    """One repository to resolve build dependencies against; the larger priority wins."""

    name: Identifier
    index_uri: str
    priority: int


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a build is ended: by the wall clock, by silence, by log size."""

    wall_seconds: Seconds = 6 * 3600
    silence_seconds: Seconds = 3600
    log_bytes: ByteCount = 256 * 2**20


class BuildOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a builder needs for one attempt; immutable once offered.

    `source_name`, `version` and `release` are what the recipe at that commit says: a recipe that says otherwise,
    or a stone that does, is refused. `source_date_epoch` is in seconds since 1970, UTC. With `verify_manifest` a build
    that is not what the manifest at that commit promises fails; without, and without a manifest, it is only said.
    `isa_level` is what is built for, "" for the architecture's baseline.
    """

    attempt: UUID
    title: str  # for logs and pages, e.g. "zlib 1.3.1-4 (x86_64)"
    purpose: BuildPurpose
    source: Source
    source_name: FileName
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    release: Annotated[int, msgspec.Meta(ge=1)]
    build_release: Annotated[int, msgspec.Meta(ge=1)]
    architecture: Architecture
    isa_level: IsaLevel = ""
    remotes: tuple[RemoteIndex, ...]
    source_date_epoch: Annotated[int, msgspec.Meta(ge=0)]
    limits: Limits = Limits()
    verify_manifest: bool = False


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to work on an attempt: whoever shows an older epoch is refused."""

    epoch: Epoch
    expires_at: datetime


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A slot's worker asks for the attempt it was rung for."""

    slot: Annotated[int, msgspec.Meta(ge=0, le=1023)]


class ClaimAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The hub hands over the order together with its lease."""

    order: BuildOrder
    lease: Lease


class RenewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Sign of life, every ten seconds: which epoch, and which phase is running."""

    epoch: Epoch
    phase: str = ""


class RenewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The lease goes on; `cancel` says that the build is to be ended."""

    lease: Lease
    cancel: bool
