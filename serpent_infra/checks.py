"""System checks: settings that contradict each other, found at the start instead of in the night."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's own names
from django.db import connection

from serpent_infra.settings.environment import Role

SANDBOXES = ("auto", "nspawn", "bubblewrap")
HEARTBEATS_PER_LEASE = 3
RENEWAL_SECONDS = 10


@register()
def check_addresses(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001, ANN401
    """Every address that others are given is an absolute one."""
    names = ["SERPENT_HUB_URL", "SERPENT_LIVE_URL", "SERPENT_REPOSITORY_URL", "SERPENT_BUILDER_URL"]
    return [
        Error(f"{name} is {value!r}, which is no http(s) address", id="serpent_infra.E001")
        for name in names
        if urlsplit(value := str(getattr(settings, name))).scheme not in {"http", "https"} or not urlsplit(value).netloc
    ]


@register()
def check_production(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001, ANN401
    """Production neither shows tracebacks nor keeps the truth of a farm in SQLite."""
    if not settings.SERPENT_PRODUCTION:
        return []
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(Error("SERPENT_DEBUG shows tracebacks and settings to everybody", id="serpent_infra.E002"))
    if settings.SERPENT_ROLE is not Role.BUILDER and connection.vendor == "sqlite":
        found.append(
            Warning("SQLite serves one machine; set SERPENT_DATABASE_URL to PostgreSQL", id="serpent_infra.W001")
        )
    return found


@register()
def check_builder(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001, ANN401
    """A builder can build with what it is told."""
    found: list[CheckMessage] = []
    if settings.SERPENT_SANDBOX not in SANDBOXES:
        found.append(
            Error(
                f"SERPENT_SANDBOX is {settings.SERPENT_SANDBOX!r}; it must be one of {', '.join(SANDBOXES)}",
                id="serpent_infra.E003",
            )
        )
    if settings.SERPENT_SLOTS < 1:
        found.append(Error("SERPENT_SLOTS must be at least 1", id="serpent_infra.E004"))
    if settings.SERPENT_ROLE is not Role.HUB and not (settings.SERPENT_BASE_IMAGE / "usr").is_dir():
        found.append(Error(f"SERPENT_BASE_IMAGE {settings.SERPENT_BASE_IMAGE} holds no /usr", id="serpent_infra.E005"))
    return found


@register()
def check_lease(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001, ANN401
    """A lease outlives a few lost renewals."""
    if settings.SERPENT_LEASE_SECONDS >= HEARTBEATS_PER_LEASE * RENEWAL_SECONDS:
        return []
    return [
        Error(
            f"SERPENT_LEASE_SECONDS is {settings.SERPENT_LEASE_SECONDS}; below "
            f"{HEARTBEATS_PER_LEASE * RENEWAL_SECONDS} one slow answer loses a build",
            id="serpent_infra.E006",
        )
    ]
