"""`manage.py add_repository PROJECT ADDRESS`: one more git repository of recipes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from summit import founding, refresh
from summit.models import Project


class Command(BaseCommand):
    """Adds a repository to a project; the running services read it, or this command with --now."""

    help = "Adds a git repository of recipes to a project."

    def add_arguments(self, parser: CommandParser) -> None:
        """Names the project and the address."""
        parser.add_argument("project")
        parser.add_argument("address")
        parser.add_argument("--slug", default="", help="the last part of the address unless given")
        parser.add_argument("--branch", default="main")
        parser.add_argument("--needs-review", action="store_true")
        parser.add_argument("--now", action="store_true", help="read it here instead of leaving it to the workers")

    def handle(self, *_args: object, **options: Any) -> None:  # noqa: ANN401 - as Django gives them
        """Adds it."""
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project {options['project']!r}; add it with add_project")
        try:
            repository = founding.add_repository(
                project,
                origin_uri=options["address"],
                slug=options["slug"],
                branch=options["branch"],
                needs_review=options["needs_review"],
                at=timezone.now(),
            )
        except founding.Unfit as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{project.slug}/{repository.slug} is {repository.origin_uri}")
        if options["now"]:
            outcome = refresh.refresh_repository(repository, at=timezone.now())
            if outcome.error:
                raise CommandError(outcome.error)
            self.stdout.write(f"{outcome.read} recipes read, {outcome.broken} broken, at {outcome.commit[:12]}")
