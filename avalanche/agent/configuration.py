"""What a builder machine has, read once from the settings: the only place where the agent looks at them."""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from avalanche.agent.sandbox import probe
from avalanche.agent.sandbox.protocol import Sandbox
from avalanche.agent.tools import choice
from avalanche.agent.tools.protocol import BuildTool, Means


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Directories, means and limits of one builder."""

    builder_dir: Path
    base_image: Path
    wanted_sandbox: str
    wanted_tool: str
    source_cache: str
    minimum_free: int
    lease_seconds: float
    git_timeout: float

    @classmethod
    def from_settings(cls) -> "Configuration":
        """Takes what the settings say."""
        return cls(
            builder_dir=settings.SERPENT_BUILDER_DIR,
            base_image=settings.SERPENT_BASE_IMAGE,
            wanted_sandbox=settings.SERPENT_SANDBOX,
            wanted_tool=settings.SERPENT_BUILD_TOOL,
            source_cache=settings.SERPENT_SOURCE_CACHE,
            minimum_free=settings.SERPENT_MINIMUM_FREE_BYTES,
            lease_seconds=settings.SERPENT_LEASE_SECONDS,
            git_timeout=settings.SERPENT_GIT_TIMEOUT,
        )

    @property
    def artefacts_dir(self) -> Path:
        """Holds the artefacts of ended attempts, a directory each, until the hub lets them go."""
        return self.builder_dir / "artefacts"

    def slot_dir(self, slot: int) -> Path:
        """Holds what a slot works with."""
        return self.builder_dir / "slots" / str(slot)

    def group_name(self, slot: int) -> str:
        """Names a slot's control group so that two installations on one machine do not meet."""
        return f"serpent-{zlib.crc32(str(self.builder_dir).encode()):08x}-{slot}"

    def sandbox(self, slot: int, *, cpus: tuple[int, ...] = (), memory_limit: int = 0) -> Sandbox:
        """Finds the sandbox for a slot; raises `probe.NoSandbox`."""
        return probe.choose(
            wanted=self.wanted_sandbox,
            base=self.base_image,
            directory=self.slot_dir(slot),
            group=self.group_name(slot),
            memory_limit=memory_limit,
            cpus=cpus,
        )

    def tool(self) -> BuildTool:
        """Gives the build tool; raises `choice.UnknownBuildTool`."""
        return choice.find(self.wanted_tool)

    def means(self, sandbox: Sandbox, *, jobs: int) -> Means:
        """Puts together what a build tool works with."""
        return Means(
            sandbox=sandbox,
            base_image=self.base_image,
            cache_dir=self.builder_dir / "cache",
            source_cache=self.source_cache,
            jobs=jobs,
            git_timeout=self.git_timeout,
        )


def usable_cpus() -> tuple[int, ...]:
    """Lists the processors that this process may use."""
    return tuple(sorted(os.sched_getaffinity(0)))
