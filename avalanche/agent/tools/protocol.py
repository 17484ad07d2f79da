"""What a build tool is given and what it promises: an order becomes artefacts, or a failure with a name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from avalanche.agent.journal import Journal
from avalanche.agent.limits import Watch
from avalanche.agent.sandbox.protocol import Sandbox
from avalanche.agent.workspace import Workspace
from serpent_infra.wire.orders import BuildOrder
from serpent_infra.wire.reports import EXCERPT_LIMIT, ArtefactInfo, Failure, FailureKind

_MESSAGE_LIMIT = 2000


class BuildFailed(Exception):
    """The build has failed for a reason that a person can read; `failure` is what the report carries."""

    def __init__(self, kind: FailureKind, message: str, *, phase: str = "", excerpt: str = "") -> None:
        super().__init__(message)
        self.failure = Failure(
            kind=kind, message=message[:_MESSAGE_LIMIT], phase=phase, excerpt=excerpt[-EXCERPT_LIMIT:]
        )


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a builder machine has for building: its sandbox, base image, caches and processors."""

    sandbox: Sandbox
    base_image: Path
    cache_dir: Path
    source_cache: str  # a directory or a URL that holds upstreams by their sha256, asked first; "" for none
    jobs: int
    git_timeout: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One attempt as a tool sees it."""

    order: BuildOrder
    workspace: Workspace
    means: Means
    journal: Journal
    watch: Watch


@runtime_checkable
class BuildTool(Protocol):
    """Turns orders into artefacts; made without arguments, see `avalanche.agent.tools.choice`."""

    def build(self, job: Job) -> tuple[ArtefactInfo, ...]:
        """Builds, leaving exactly the artefacts it lists in `job.workspace.artefacts_dir`.

        Where the recipe's directory has a manifest of the order's architecture the build is compared with it, and fails
        by it if `order.verify_manifest` says so. Manifests that the commit lacks are left in `proposals_dir`, also by a
        build that fails.
        Raises `BuildFailed`, `BuildStopped`, `SandboxFailed`, and `OSError` when the machine fails it.
        """
