"""The processes of a hub, in the order they are started (architecture, section 3)."""

import sys
from collections.abc import Mapping
from types import MappingProxyType

from django.conf import settings

from serpent_infra.processes.specification import ProcessSpec
from serpent_infra.processes.valkey import valkey_process

_LIVE = {"SERPENT_FOLLOWERS": "240", "SERPENT_CONNECTION_SECONDS": "0"}


def hub_processes() -> list[ProcessSpec]:
    """Describes the hub: broker where embedded, pages, live streams, the three workers and the clock."""
    broker = (
        [valkey_process(url=settings.SERPENT_BROKER_URL, directory=settings.SERPENT_STATE_DIR / "valkey")]
        if settings.SERPENT_BROKER_IS_EMBEDDED
        else []
    )
    return [
        *broker,
        _gunicorn("web", bind=settings.SERPENT_WEB_BIND, workers=2, threads=8),
        # Followers of logs hold a thread each for as long as they follow: they never take one from the pages.
        _gunicorn("live", bind=settings.SERPENT_LIVE_BIND, workers=1, threads=256, env=_LIVE),
        _celery("hub", "worker", "-Q", "hub", "-n", "hub@%h", "--concurrency", "2"),
        # A refresh waits for git most of its time, and for one that hangs all of it: none of that holds up a decision.
        _celery("refresh", "worker", "-Q", "refresh", "-n", "refresh@%h", "--pool", "threads", "--concurrency", "8"),
        _celery("publish", "worker", "-Q", "publish", "-n", "publish@%h", "--concurrency", "1"),
        _celery("beat", "beat"),
    ]


def _gunicorn(
    name: str, *, bind: str, workers: int, threads: int, env: Mapping[str, str] = MappingProxyType({})
) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=[
            *(sys.executable, "-m", "gunicorn", "serpent_infra.wsgi", "--bind", bind, "--worker-class", "gthread"),
            *("--workers", str(workers), "--threads", str(threads), "--graceful-timeout", "3"),
            *("--preload", "--log-level", "warning"),
        ],
        env=env,
    )


def _celery(name: str, command: str, *arguments: str) -> ProcessSpec:
    quiet = ["--without-gossip", "--without-mingle"] if command == "worker" else []
    return ProcessSpec(
        name=name,
        argv=[sys.executable, "-m", "celery", "--quiet", "-A", "serpent_infra", command, *quiet, *arguments],
    )
