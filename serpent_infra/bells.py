"""Rings Celery tasks after commit: a bell carries ids and says "look".

A lost one costs time only, so none ever raises.
"""

import logging
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from serpent_infra.celery import app as hub_app

logger = logging.getLogger(__name__)

# Bells are rung by pages and under locks: nobody is to wait there for a broker that is away. The sweeps ring again.
_IMPATIENT = {"socket_connect_timeout": 2, "socket_timeout": 5, "max_retries": 1, "interval_start": 0}
_SENDERS = 4096


def ring_on_commit(
    task: str,
    *,
    ids: dict[str, int | str | UUID],
    prefix: str = "",
    queue: str | None = None,
    expires_seconds: float | None = None,
) -> None:
    """Rings a task once the current transaction is committed.

    `prefix` is that of a builder's broker account, none for the hub's own queues. `queue` overrides the task's route.
    """
    options: dict[str, Any] = {"queue": queue, "expires": expires_seconds}
    wanted = {name: value for name, value in options.items() if value is not None}
    transaction.on_commit(partial(_ring, task, ids, prefix, wanted))


def _ring(task: str, ids: dict[str, int | str | UUID], prefix: str, options: dict[str, Any]) -> None:
    plain = {name: str(value) if isinstance(value, UUID) else value for name, value in ids.items()}
    try:
        sender(settings.CELERY_BROKER_URL, prefix).send_task(
            task, kwargs=plain, retry=False, ignore_result=True, **options
        )
    except (OperationalError, OSError) as error:
        logger.warning("could not ring %s for %s, a sweep will: %s", task, plain, error)


@lru_cache(maxsize=_SENDERS)
def sender(broker_url: str, prefix: str) -> Celery:
    """Gives a Celery application that only sends, gives up soon, and whose keys carry a prefix."""
    app = Celery(f"bells:{prefix}", set_as_current=False)
    app.conf.update(
        broker_url=broker_url,
        broker_transport_options={
            **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
            **_IMPATIENT,
            **({"global_keyprefix": prefix} if prefix else {}),
        },
        broker_pool_limit=4,
        task_default_queue=hub_app.conf.task_default_queue,
        task_routes=hub_app.conf.task_routes,
        task_serializer="json",
    )
    return app
