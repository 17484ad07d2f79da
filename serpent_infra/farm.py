"""A machine's role as running processes: the hub first, then its embedded builder, which enrols like any other."""

import os
import subprocess
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from avalanche.agent import identity
from avalanche.agent.processes import builder_processes
from avalanche.enrolment import issue_code
from avalanche.statuses import Tier
from serpent_infra.processes.hub import hub_processes
from serpent_infra.processes.supervisor import Supervisor
from serpent_infra.settings.environment import Role

START_SECONDS = 180.0
ENROL_SECONDS = 60.0


class FarmDidNotStart(Exception):
    """A process of the role does not come up; the log above says why."""


@dataclass(frozen=True, kw_only=True)
class Farm:
    """Starts the processes of this machine's role under a supervisor."""

    supervisor: Supervisor

    def start(self) -> None:
        """Brings everything up, in order; raises `FarmDidNotStart`."""
        if settings.SERPENT_ROLE is not Role.BUILDER:
            self._start_hub()
        if settings.SERPENT_ROLE is Role.ALL:
            self._enrol_embedded_builder()
        if settings.SERPENT_ROLE is not Role.HUB:
            self._start_builder()

    def _start_hub(self) -> None:
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0, interactive=False)
        for process in hub_processes():
            self.supervisor.add(process)
        self._wait_for("health/", bind=settings.SERPENT_WEB_BIND, public=settings.SERPENT_HUB_URL, what="the hub")

    def _enrol_embedded_builder(self) -> None:
        """Joins the embedded builder to the hub through the door that every builder uses."""
        try:
            identity.load(settings.SERPENT_BUILDER_DIR)
        except identity.NotEnrolled:
            code = issue_code(name=settings.SERPENT_BUILDER_NAME, tier=Tier.OFFICIAL, owner=None, at=timezone.now())
            enrolment = subprocess.run(
                [sys.executable, "-m", "django", "enrol", settings.SERPENT_HUB_URL, code],
                env={**os.environ, "SERPENT_ROLE": Role.BUILDER, "DJANGO_SETTINGS_MODULE": "serpent_infra.settings"},
                timeout=ENROL_SECONDS,
                check=False,
                capture_output=True,
                text=True,
            )
            if enrolment.returncode != 0:
                raise FarmDidNotStart(f"the embedded builder could not enrol: {enrolment.stderr.strip()}") from None

    def _start_builder(self) -> None:
        for process in builder_processes():
            self.supervisor.add(process)
        bind, public = settings.SERPENT_BUILDER_BIND, settings.SERPENT_BUILDER_URL
        self._wait_for("health", bind=bind, public=public, what="the builder")

    def _wait_for(self, path: str, *, bind: str, public: str, what: str) -> None:
        """Asks as the proxy in front would: for the public name, over the public scheme."""
        url, parts = f"http://{bind}/{path}", urlsplit(public)
        headers = {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme}

        def answers() -> bool:
            try:
                return requests.get(url, headers=headers, timeout=2).ok
            except requests.RequestException:
                return False

        if not self.supervisor.wait(answers, seconds=START_SECONDS) and not self.supervisor.is_stopping:
            raise FarmDidNotStart(f"{what} does not answer at {url} within {START_SECONDS:g} s")
