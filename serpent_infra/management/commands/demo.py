"""`manage.py demo`: the main job on this machine, shown in the browser and proved."""

import shutil
import signal
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from serpent_infra.demo.proof import ProofFailed
from serpent_infra.demo.scenario import ADMINISTRATOR, PROJECT, REPOSITORY, DemoFailed, Proved, Scenario, elapsed
from serpent_infra.farm import Farm, FarmDidNotStart
from serpent_infra.processes.supervisor import Supervisor, print_prefixed
from serpent_infra.settings.environment import PROJECT_DIR, Role
from summit.models import BuildTask

RECIPES: Path = PROJECT_DIR / "examples" / "recipes"
MARKER = "of-a-demo"  # a state directory that holds it was made by a demo, and may be emptied by the next


class Command(BaseCommand):
    """Starts the farm, pushes the example recipes, follows their builds, proves what was published."""

    help = "Runs the whole system on the example recipes and proves the result; stays up until interrupted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes --once."""
        parser.add_argument("--once", action="store_true", help="stop as soon as everything is proved")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002, ANN401 - Django's signature
        """Runs the demo; ends with an error when anything is not as it must be."""
        if settings.SERPENT_ROLE is not Role.ALL:
            raise CommandError("The demo needs SERPENT_ROLE=all: hub and builder on this machine.")
        self._make_room(settings.SERPENT_STATE_DIR)
        supervisor = Supervisor()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: supervisor.stop())
        try:
            self._run(supervisor, once=options["once"])
        except (FarmDidNotStart, DemoFailed, ProofFailed) as error:
            if not supervisor.is_stopping:
                raise CommandError(str(error)) from error
        finally:
            supervisor.close()

    def _run(self, supervisor: Supervisor, *, once: bool) -> None:
        began = time.monotonic()
        Farm(supervisor=supervisor).start()
        scenario = Scenario(supervisor=supervisor, recipes=RECIPES, say=self._say)
        password = scenario.administrator()
        self._say(f"the farm is up after {elapsed(began)}: {settings.SERPENT_HUB_URL}/")
        pushed = time.monotonic()
        scenario.push_recipes()
        builds = scenario.wait_until_settled()
        self._table(builds)
        scenario.check_outcomes(builds)
        self._say(f"from the push to the last publication: {elapsed(pushed)}")
        self._announce(scenario.prove())
        if not once:
            self._addresses(password)
            supervisor.run()

    def _make_room(self, directory: Path) -> None:
        """Empties what an earlier demo left, and nothing else; the secrets stay, since this process has read them."""
        entries = [entry for entry in directory.iterdir() if entry.name != "secrets"] if directory.exists() else []
        if entries and not (directory / MARKER).exists():
            raise CommandError(f"{directory} holds something that is not a demo's; set SERPENT_STATE_DIR elsewhere.")
        for entry in entries:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        directory.mkdir(parents=True, exist_ok=True)
        (directory / MARKER).touch()

    def _table(self, builds: list[BuildTask]) -> None:
        for build in builds:
            seconds = f"{build.build_seconds:.1f} s" if build.build_seconds is not None else "-"
            outcome = build.published_version or build.failure_kind or build.block_reason
            release = f"{build.version}-{build.release}"
            self._say(f"  {build.source_name:<16} {release:<10} {build.status:<10} {seconds:>7}  {outcome}")

    def _announce(self, proved: Proved) -> None:
        size = f"{proved.packages} packages, {proved.stones_bytes:,} bytes"
        self._say(f"version {proved.version} holds {size}: every hash is right")
        self._say(f"an empty root was filled with {', '.join(proved.installed)}")
        self._say(f"greet ran from it and said {proved.greeting!r}")
        self._say("all is proved")

    def _addresses(self, password: str) -> None:
        self._say(f"look at {settings.SERPENT_HUB_URL}/ , sign in as {ADMINISTRATOR} with {password}")
        self._say(f"the collection: {settings.SERPENT_HUB_URL}/~/{PROJECT}/{REPOSITORY}")
        self._say(f"the repository: {settings.SERPENT_REPOSITORY_URL}/{PROJECT}/moss-root-index.json")
        self._say("Ctrl-C stops everything")

    def _say(self, line: str) -> None:
        print_prefixed("demo", line)
