"""`manage.py enrol <hub url> <code>`: lets this machine join a hub."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from avalanche.agent.hub import HubRefused, HubUnreachable
from avalanche.agent.joining import join


class Command(BaseCommand):
    """Redeems an enrolment code for this machine."""

    help = "Lets this machine join a hub as a builder, by the one-shot code that its administrator or owner got there."

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes the hub and the code."""
        parser.add_argument("hub", help="the hub's URL")
        parser.add_argument("code", help="the one-shot code")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002, ANN401 - Django's signature
        """Joins, and says as whom."""
        try:
            joined = join(hub_uri=options["hub"], code=options["code"])
        except (HubRefused, HubUnreachable) as error:
            raise CommandError(f"{options['hub']} does not take this machine in: {error}") from error
        self.stdout.write(f"This machine is builder {joined.builder} of {joined.hub_uri} now.")
