"""`manage.py agent`: measures a builder machine and cleans up on it, for as long as it works for a hub."""

import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from avalanche.agent import identity
from avalanche.agent.hub import HubClient, HubRefused, HubUnreachable
from avalanche.agent.joining import describe, join
from avalanche.agent.watch import Agent


class Command(BaseCommand):
    """Runs the agent until interrupted."""

    help = "Sends measurements of this builder to its hub and drops artefacts the hub has fetched; runs until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes a code file, for machines that are set up unattended."""
        parser.add_argument(
            "--enrol-code-file",
            type=Path,
            help="a file with a one-shot code: where it exists, this machine first enrols at SERPENT_HUB_URL with it",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002, ANN401 - Django's signature
        """Enrols where there is a code to, then runs the agent."""
        try:
            joined = self._identity(options["enrol_code_file"])
        except (HubRefused, HubUnreachable, identity.NotEnrolled) as error:
            raise CommandError(str(error)) from error
        directory: Path = settings.SERPENT_BUILDER_DIR
        host, slots = describe()
        client = HubClient(identity=joined, key=identity.load_key(directory))
        agent = Agent(hub=client, directory=directory, host=host, slots=slots)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: agent.stop())
        agent.run(every_seconds=settings.SERPENT_SAMPLE_SECONDS)

    @staticmethod
    def _identity(code_file: Path | None) -> identity.Identity:
        if code_file is None or not code_file.exists():
            return identity.load(settings.SERPENT_BUILDER_DIR)
        joined = join(hub_uri=settings.SERPENT_HUB_URL, code=code_file.read_text().strip())
        code_file.unlink()
        return joined
