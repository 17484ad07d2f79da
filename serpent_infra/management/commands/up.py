"""`manage.py up`: all processes of this machine's role in the foreground, stopped together."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from serpent_infra.farm import Farm, FarmDidNotStart
from serpent_infra.processes.supervisor import Supervisor


class Command(BaseCommand):
    """Runs the role until interrupted."""

    help = "Runs all processes of SERPENT_ROLE in the foreground, with prefixed logs; Ctrl-C stops them together."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002, ANN401 - Django's signature
        """Starts the farm and stays until a signal comes."""
        supervisor = Supervisor()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: supervisor.stop())
        try:
            Farm(supervisor=supervisor).start()
            supervisor.run()
        except FarmDidNotStart as error:
            raise CommandError(str(error)) from error
        finally:
            supervisor.close()
