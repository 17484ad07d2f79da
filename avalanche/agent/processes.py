"""The processes of a builder machine: its web server, its agent, and one Celery worker a slot.

A slot's worker runs its build in its main thread (pool `solo`): the parent-death signals of what it starts then
mean the worker itself, and nothing is fetched from the queue while it builds.
"""

import sys

from django.conf import settings

from avalanche.agent import identity
from serpent_infra.processes.specification import ProcessSpec
from serpent_infra.wire.names import slot_queue


def builder_processes() -> list[ProcessSpec]:
    """Describes the processes of this enrolled builder; raises `NotEnrolled`."""
    joined = identity.load(settings.SERPENT_BUILDER_DIR)
    # A guest has no database: what the hub beside an embedded builder was given is taken out of its environment.
    env = {**joined.environment(), "SERPENT_DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "serpent_infra.settings"}
    return [
        ProcessSpec(name="builder-web", argv=_web(), env=env),
        ProcessSpec(name="agent", argv=[sys.executable, "-m", "django", "agent"], env=env),
        *(
            ProcessSpec(
                name=f"slot-{index}", argv=_slot(joined.builder, index), env={**env, "SERPENT_SLOT": str(index)}
            )
            for index in range(settings.SERPENT_SLOTS)
        ),
    ]


def _web() -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "serpent_infra.wsgi", "--bind", settings.SERPENT_BUILDER_BIND),
        *("--worker-class", "gthread", "--workers", "1", "--threads", "8"),
        *("--graceful-timeout", "3", "--log-level", "warning"),
    ]


def _slot(builder: str, index: int) -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "--quiet", "-A", "serpent_infra", "worker"),
        *("-Q", slot_queue(builder, index), "-n", f"slot{index}@{builder}", "--pool", "solo", "--concurrency", "1"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
