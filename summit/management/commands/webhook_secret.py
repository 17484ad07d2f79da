"""`manage.py webhook_secret PROJECT REPOSITORY`: a new secret for a repository's webhook, printed this once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from summit import webhooks
from summit.models import Repository


class Command(BaseCommand):
    """Sets a new secret; the one before holds no longer."""

    help = "Sets a new secret for a repository's webhook and prints it, with the address to deliver to."

    def add_arguments(self, parser: CommandParser) -> None:
        """Names the repository."""
        parser.add_argument("project")
        parser.add_argument("repository")
        parser.add_argument("--remove", action="store_true", help="take the secret away instead")

    def handle(self, *_args: object, **options: Any) -> None:  # noqa: ANN401 - as Django gives them
        """Sets or removes it."""
        rows = Repository.objects.filter(project__slug=options["project"], slug=options["repository"])
        repository = rows.select_related("project").first()
        if repository is None:
            raise CommandError(f"there is no repository {options['project']}/{options['repository']}")
        if options["remove"]:
            webhooks.remove_secret(repository)
            self.stdout.write(f"{repository}: the webhook is off")
            return
        secret = webhooks.set_secret(repository, by=None, at=timezone.now())
        self.stdout.write(f"address: {webhooks.address_of(repository)}\nsecret:  {secret}")
