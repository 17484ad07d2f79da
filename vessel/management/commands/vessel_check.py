"""Reads back everything that is published and lists what is not as it should be."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from vessel.check import findings
from vessel.models import Channel


class Command(BaseCommand):
    """`manage.py vessel_check [channel …]`: exit status 0 when all is consistent."""

    help = "Re-read every index and hash every file of the pool; list what is not as the database says."

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes the channels to check; all of them where none is named."""
        parser.add_argument("channels", nargs="*", metavar="channel")

    def handle(self, *_args: object, channels: list[str], **_options: object) -> None:
        """Prints one line a finding; raises `CommandError` where there is any."""
        chosen = Channel.objects.by_name()
        if channels:
            chosen = chosen.filter(name__in=channels)
            unknown = set(channels) - {channel.name for channel in chosen}
            if unknown:
                raise CommandError(f"there is no channel {', '.join(sorted(unknown))}")
        count = 0
        for channel in chosen:
            for finding in findings(channel):
                self.stdout.write(f"{channel}: {finding}")
                count += 1
        if count:
            raise CommandError(f"{count} findings")
        self.stdout.write(f"consistent: {', '.join(channel.name for channel in chosen) or 'no channel'}")
