"""`manage.py add_project SLUG`: a project with a profile that publishes to a stream of its own channel."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from summit import founding


class Command(BaseCommand):
    """Adds a project and its first profile; running it again changes nothing."""

    help = "Adds a project, with a profile that publishes to a stream of the channel of the same name."

    def add_arguments(self, parser: CommandParser) -> None:
        """Names the project and its profile."""
        parser.add_argument("slug")
        parser.add_argument("--title", default="")
        parser.add_argument("--description", default="")
        parser.add_argument("--profile", default="x86_64", help="name of the profile")
        parser.add_argument("--architecture", default="x86_64")
        parser.add_argument("--channel", default="", help="the project's slug unless given")
        parser.add_argument("--stream", default="volatile")
        parser.add_argument("--base-provides", action="append", default=[], metavar="CAPABILITY")

    def handle(self, *_args: object, **options: Any) -> None:  # noqa: ANN401 - as Django gives them
        """Adds it."""
        try:
            project = founding.add_project(
                slug=options["slug"], title=options["title"], description=options["description"]
            )
            profile = founding.add_profile(
                project,
                name=options["profile"],
                architecture=options["architecture"],
                channel=options["channel"],
                stream=options["stream"],
                base_provides=options["base_provides"],
                at=timezone.now(),
            )
        except founding.Unfit as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{project.slug}: {profile.name} publishes to {profile.channel}/{profile.stream}")
