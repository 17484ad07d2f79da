"""What tests of the building agent need: sandboxes that run here, and a builder without a hub."""

import hashlib
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from avalanche.agent import machine
from avalanche.agent.journal import Journal
from avalanche.agent.limits import Interruption, Watch
from avalanche.agent.sandbox.bubblewrap import Bubblewrap
from avalanche.agent.sandbox.nspawn import Nspawn
from avalanche.agent.sandbox.protocol import Sandbox
from avalanche.agent.tools.builtin.checkout import RECIPE_FILE, read_recipe
from avalanche.agent.tools.builtin.tool import Builtin
from avalanche.agent.tools.protocol import Job, Means
from avalanche.agent.workspace import Workspace
from serpent_infra.formats.index import encode_entry, write_index
from serpent_infra.formats.stone.package import read_package
from serpent_infra.wire.orders import BuildOrder, BuildPurpose, Limits, RemoteIndex, Source
from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind

BASE = Path("/")
EXAMPLES = Path(__file__).resolve().parents[4] / "examples" / "recipes"
EPOCH = 1_700_000_000


def make_sandbox(name: str, group: str) -> Sandbox:
    """Makes a sandbox for tests, skipping with the reason where it cannot run."""
    program = {"nspawn": "systemd-nspawn", "bubblewrap": "bwrap"}[name]
    if os.geteuid() != 0:
        pytest.skip(f"{name} is tested as root")
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return Nspawn(group=group) if name == "nspawn" else Bubblewrap(group=group)


@dataclass
class Bench:
    """A builder without a hub: builds recipes and collects what they make in a repository with one index."""

    directory: Path
    sandbox: Sandbox
    limits: Limits = field(default_factory=Limits)
    minimum_free: int = 0
    source_cache: str = ""

    @property
    def repository(self) -> Path:
        return self.directory / "repository"

    @property
    def remotes(self) -> tuple[RemoteIndex, ...]:
        index = self.repository / "stone.index"
        return (RemoteIndex(name="ours", index_uri=index.as_uri(), priority=0),) if index.exists() else ()

    def job(self, recipe_dir: Path, *, interruption: Interruption | None = None) -> Job:
        """Prepares a workspace with a copy of the recipe in it."""
        workspace = Workspace.fresh(self.directory / "slot")
        shutil.copytree(recipe_dir, workspace.recipe_dir, dirs_exist_ok=True)
        recipe = read_recipe(workspace.recipe_dir / RECIPE_FILE, RECIPE_FILE)
        journal = Journal(workspace.log_path, limit=self.limits.log_bytes)
        return Job(
            order=BuildOrder(
                attempt=uuid4(),
                title=recipe.name,
                purpose=BuildPurpose.TEST,
                source=Source(origin_uri="", commit="0" * 40, recipe_path=RECIPE_FILE),
                source_name=recipe.name,
                version=recipe.version,
                release=recipe.release,
                build_release=1,
                architecture=machine.architecture(),
                remotes=self.remotes,
                source_date_epoch=EPOCH,
                limits=self.limits,
            ),
            workspace=workspace,
            means=Means(
                sandbox=self.sandbox,
                base_image=BASE,
                cache_dir=self.directory / "cache",
                source_cache=self.source_cache,
                jobs=2,
            ),
            journal=journal,
            watch=Watch(
                limits=self.limits,
                journal=journal,
                interruption=interruption or Interruption(),
                disk=self.directory,
                minimum_free=self.minimum_free,
            ),
        )

    def build(self, job: Job) -> tuple[ArtefactInfo, ...]:
        """Runs the builtin tool on a prepared workspace."""
        recipe = read_recipe(job.workspace.recipe_dir / RECIPE_FILE, RECIPE_FILE)
        try:
            return Builtin().build_recipe(job, recipe)
        finally:
            job.journal.close()

    def publish(self, name: str) -> tuple[ArtefactInfo, ...]:
        """Builds an example recipe and adds its packages to the repository."""
        job = self.job(EXAMPLES / name)
        made = self.build(job)
        self.repository.mkdir(exist_ok=True)
        for artefact in made:
            if artefact.kind is ArtefactKind.PACKAGE:
                shutil.copy(job.workspace.artefacts_dir / artefact.name, self.repository)
        entries = []
        for stone in sorted(self.repository.glob("*.stone")):
            data = stone.read_bytes()
            meta = read_package(stone).meta
            entries.append(encode_entry(meta, uri=stone.name, sha256=hashlib.sha256(data).hexdigest(), size=len(data)))
        with (self.repository / "stone.index").open("wb") as file:
            write_index(file, entries)
        return made


def groups_left(prefix: str) -> list[Path]:
    """Lists control groups of that name in every hierarchy."""
    return sorted(Path("/sys/fs/cgroup").glob(f"*/{prefix}*")) + sorted(Path("/sys/fs/cgroup").glob(f"{prefix}*"))


def processes_with(text: str) -> list[str]:
    """Lists command lines that hold `text`, our own excluded."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line and path.parent.name != str(os.getpid()):
            found.append(line)
    return found


def gone_within(text: str, *, seconds: float) -> bool:
    """Waits until no process with `text` in its command line is left."""
    deadline = time.monotonic() + seconds
    while processes_with(text):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
