"""The doorbell: Celery on Valkey or Redis. Messages carry ids only, and losing them all costs only time."""

import sys
from datetime import timedelta
from typing import Any

from serpent_infra.settings.applications import SERPENT_APPS
from serpent_infra.settings.environment import (
    IS_HUB,
    SERPENT_PRODUCTION,
    SERPENT_ROLE,
    SERPENT_STATE_DIR,
    Role,
    embedded_secret,
    env,
)
from serpent_infra.settings.installation import SERPENT_IMPORT_SECONDS

# Without a broker of its own, `manage.py up` runs the embedded Valkey on this loopback port.
SERPENT_VALKEY_PORT: int = env.int("SERPENT_VALKEY_PORT", default=6390)


def _broker_url() -> str:
    # A builder learns its broker when it enrols: its agent's and its slots' processes are started with it.
    if SERPENT_PRODUCTION and IS_HUB:
        return str(env.str("SERPENT_BROKER_URL"))
    url = str(env.str("SERPENT_BROKER_URL", default=""))
    if url or not IS_HUB:
        return url
    return f"redis://:{embedded_secret('valkey')}@127.0.0.1:{SERPENT_VALKEY_PORT}/0"


SERPENT_BROKER_URL: str = _broker_url()
SERPENT_BROKER_IS_EMBEDDED: bool = SERPENT_ROLE is Role.ALL and not env.str("SERPENT_BROKER_URL", default="")
# The broker as a builder reaches it; enrolment hands it out with the builder's own account.
SERPENT_BUILDER_BROKER_URL: str = env.str("SERPENT_BUILDER_BROKER_URL", default=SERPENT_BROKER_URL)
# On a builder every key starts with its account's prefix; the hub has none.
SERPENT_BROKER_PREFIX: str = env.str("SERPENT_BROKER_PREFIX", default="")
SERPENT_SWEEP_SECONDS: float = env.float("SERPENT_SWEEP_SECONDS", default=5.0)

# One day: no message here waits on an acknowledgement that long, and every process must say the same.
_VISIBILITY_TIMEOUT = 86400

CELERY_BROKER_URL = SERPENT_BROKER_URL or "memory://"  # an unenrolled builder has none yet
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": _VISIBILITY_TIMEOUT,
    "socket_timeout": 30,
    "health_check_interval": 25,
    **({"global_keyprefix": SERPENT_BROKER_PREFIX} if SERPENT_BROKER_PREFIX else {}),
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_VISIBILITY_TIMEOUT = _VISIBILITY_TIMEOUT
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_DB_REUSE_MAX = sys.maxsize  # connections keep as long as a request's do: see `serpent_infra.celery`
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "hub"
CELERY_TASK_ROUTES = {
    "summit.refresh_*": {"queue": "refresh"},
    "summit.*": {"queue": "hub"},
    "avalanche.*": {"queue": "hub"},
    "vessel.*": {"queue": "publish"},
}
# Only a builder knows how to build.
CELERY_IMPORTS = [] if IS_HUB else ["avalanche.agent.tasks"]
# A task that hangs is killed with its process, and a sweep does its work again. Imports have a deadline of their own.
SERPENT_TASK_SECONDS: int = env.int("SERPENT_TASK_SECONDS", default=3600)
CELERY_TASK_ANNOTATIONS: dict[str, dict[str, Any]] = (
    {
        name: {"time_limit": SERPENT_TASK_SECONDS}
        for name in (
            *("summit.sweep", "summit.plan", "summit.dispatch", "summit.settle", "summit.settle_import"),
            *("summit.advance_campaign", "summit.withdraw"),
            *("summit.refresh_repository", "summit.refresh_repositories"),
            *("avalanche.sweep", "vessel.sweep", "vessel.prune"),
        )
    }
    | {"vessel.import_artefacts": {"time_limit": SERPENT_IMPORT_SECONDS}}
    if IS_HUB
    else {}
)
CELERY_BEAT_SCHEDULE_FILENAME = str(SERPENT_STATE_DIR / "celerybeat-schedule")

# Every event-driven task has a sweep that does the same work should its message be lost.
_sweep = timedelta(seconds=SERPENT_SWEEP_SECONDS)
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = (
    {
        name: {"task": name, "schedule": _sweep * factor, "options": {"expires": SERPENT_SWEEP_SECONDS * factor}}
        for name, factor in {
            "summit.sweep": 1,
            "avalanche.sweep": 1,
            "vessel.sweep": 1,
            "summit.refresh_repositories": 6,
            "vessel.prune": 720,
        }.items()
        if name.partition(".")[0] in SERPENT_APPS
    }
    if IS_HUB
    else {}
)
