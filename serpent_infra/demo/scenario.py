"""What the demo does, step by step, and what must come of it."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone
from django.utils.crypto import get_random_string

from serpent_infra.demo import proof
from serpent_infra.demo.collection import Collection
from serpent_infra.processes.supervisor import Supervisor
from summit import doorbell, founding
from summit.models import BuildTask, Profile, Repository
from summit.states import OPEN, TaskStatus

PROJECT, REPOSITORY, CHANNEL, STREAM, ARCHITECTURE = "demo", "recipes", "demo", "volatile", "x86_64"
ADMINISTRATOR = "admin"
SETTLE_SECONDS = 300.0
GREETING = "greet"
_FILES_FOLLOW = 10.0  # seconds for which the proof waits for them
# How every example must end; whatever is blocked stays so, and says why.
EXPECTED: Mapping[str, TaskStatus] = {
    "base-libc": TaskStatus.COMPLETED,
    "greet": TaskStatus.COMPLETED,
    "greet-data": TaskStatus.COMPLETED,
    "libgreet": TaskStatus.COMPLETED,
    "broken": TaskStatus.FAILED,
    "ouroboros-head": TaskStatus.BLOCKED,
    "ouroboros-tail": TaskStatus.BLOCKED,
}

Say = Callable[[str], None]


class DemoFailed(Exception):
    """Something did not come out as it must."""


@dataclass(frozen=True, kw_only=True)
class Proved:
    """What the proof saw."""

    version: str
    packages: int
    stones_bytes: int
    installed: tuple[str, ...]
    greeting: str


class Scenario:
    """The demo on a running farm."""

    def __init__(self, *, supervisor: Supervisor, recipes: Path, say: Say) -> None:
        self._supervisor = supervisor
        self._say = say
        self._recipes = recipes
        self._directory: Path = settings.SERPENT_STATE_DIR / "demo"
        self.collection = Collection(self._directory)
        self._seen: dict[int, str] = {}

    def administrator(self) -> str:
        """Makes an administrator to sign in as, and gives the password."""
        password = get_random_string(16)
        get_user_model().objects.create_superuser(ADMINISTRATOR, "admin@demo.invalid", password)
        return password

    def push_recipes(self) -> None:
        """Makes the git repository of the examples and registers it with a project and a profile."""
        self.collection.create(self._recipes)
        at = timezone.now()
        project = founding.add_project(slug=PROJECT, title="Demo", description="The example recipes of this project.")
        founding.add_profile(project, name=ARCHITECTURE, at=at, channel=CHANNEL, stream=STREAM)
        founding.add_repository(project, origin_uri=str(self.collection.origin), slug=REPOSITORY, at=at)

    def refresh(self) -> None:
        """Says that something was pushed, as a webhook would."""
        repository = Repository.objects.get(project__slug=PROJECT, slug=REPOSITORY)
        repository.request_refresh(at=timezone.now())
        doorbell.ring(doorbell.REFRESH, repository=repository.pk)

    def wait_until_settled(self) -> list[BuildTask]:
        """Follows the builds until none can go on; gives them by name. Raises `DemoFailed` when time runs out."""
        if not self._supervisor.wait(self._is_settled, seconds=SETTLE_SECONDS):
            raise DemoFailed(f"the builds did not settle within {SETTLE_SECONDS:g} s")
        return self.builds()

    def builds(self) -> list[BuildTask]:
        """Lists the builds by name."""
        return list(BuildTask.objects.filter(profile__project__slug=PROJECT).order_by("source_name", "pk"))

    def check_outcomes(self, builds: list[BuildTask]) -> None:
        """Compares how every example ended with how it must; raises `DemoFailed` naming the first difference."""
        latest = {build.source_name: build for build in builds}
        for name, status in EXPECTED.items():
            build = latest.get(name)
            if build is None:
                raise DemoFailed(f"{name} was never planned")
            if build.status != status:
                raise DemoFailed(f"{name} is {build.status}, not {status}: {build.problem}")
            if status != TaskStatus.COMPLETED and not build.problem:
                raise DemoFailed(f"{name} is {build.status} and does not say why")

    def prove(self) -> Proved:
        """Reads back what was published, checks every hash, and runs the program from a root filled with it."""
        directory = self._directory / "proof"
        shutil.rmtree(directory, ignore_errors=True)
        published = _await_greeting()
        stones = proof.download_all(published, directory / "stones")
        chosen = proof.closure(published.packages, [GREETING])
        proof.fill_root(directory / "root", [stones[meta.name] for meta in chosen])
        greeting = proof.run_inside(directory / "root", ["/usr/bin/greet", "world"]).strip()
        if greeting != "Hello, world!":
            raise proof.ProofFailed(f"greet says {greeting!r}")
        return Proved(
            version=published.version,
            packages=len(published.packages),
            stones_bytes=sum(path.stat().st_size for path in stones.values()),
            installed=tuple(sorted(meta.name for meta in chosen)),
            greeting=greeting,
        )

    def _is_settled(self) -> bool:
        # Every look sees what others have committed meanwhile.
        connection.close_if_unusable_or_obsolete()
        builds = self.builds()
        for build in builds:
            if self._seen.get(build.pk) != build.status:
                self._seen[build.pk] = build.status
                reason = f": {build.problem}" if build.problem else ""
                self._say(f"{build.source_name} is {build.status}{reason}")
        planned = {build.source_name for build in builds} >= set(EXPECTED)
        is_planning = Profile.objects.plan_overdue().filter(project__slug=PROJECT).exists()
        moving = [build for build in builds if build.status in OPEN and build.status != TaskStatus.BLOCKED]
        return planned and not is_planning and not moving


def elapsed(since: float) -> str:
    """Says how long ago a moment of `time.monotonic` was."""
    return f"{time.monotonic() - since:.1f} s"


def _await_greeting() -> proof.Published:
    """Reads what is published; the files may follow the rows, by which a build is completed, by a moment."""
    until = time.monotonic() + _FILES_FOLLOW
    while True:
        published = proof.read_published(
            base_uri=settings.SERPENT_REPOSITORY_URL, channel=CHANNEL, stream=STREAM, architecture=ARCHITECTURE
        )
        if any(meta.name == GREETING for meta in published.packages) or time.monotonic() > until:
            return published
        time.sleep(0.1)
