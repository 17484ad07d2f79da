"""`manage.py create_builder NAME`: registers a machine on the hub and gives the code by which it joins."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from avalanche import enrolment
from avalanche.statuses import Tier


class Command(BaseCommand):
    """Makes a builder, or a fresh code for one that exists."""

    help = "Registers a builder and prints its one-shot enrolment code; for a known builder, a fresh code."

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes the builder's name, tier and owner."""
        parser.add_argument("name", help="lower-case letters, digits and hyphens")
        parser.add_argument("--tier", choices=list(Tier), default=Tier.TEST, help="of a new builder; test by default")
        parser.add_argument("--owner", help="the user name of the person whose machine it is")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002, ANN401 - Django's signature
        """Prints the code alone on standard output, so that scripts can take it from there."""
        owner = None
        if options["owner"]:
            try:
                owner = get_user_model().objects.get_by_natural_key(options["owner"])
            except ObjectDoesNotExist:
                raise CommandError(f"There is no user {options['owner']!r}.") from None
        try:
            code = enrolment.issue_code(
                name=options["name"], tier=Tier(options["tier"]), owner=owner, at=timezone.now()
            )
        except enrolment.NameRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(code)
