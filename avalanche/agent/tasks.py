"""The Celery task of a builder: a slot's worker is rung for an attempt. Only the builder role knows it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from uuid import UUID

from celery import shared_task
from celery.exceptions import WorkerTerminate
from celery.signals import worker_init
from django.conf import settings

from avalanche.agent import identity, machine
from avalanche.agent.configuration import Configuration
from avalanche.agent.hub import HubClient
from avalanche.agent.slot import Slot


@shared_task(name="avalanche.build")
def build(*, attempt: str, **_extra: object) -> None:
    """Builds an attempt that this slot was offered; anything else is left alone."""
    with _ending_on_signals():
        _slot().run(UUID(attempt))


@worker_init.connect
def prepare(**_extra: object) -> None:
    """Clears away what a killed worker left behind, before the first bell is answered."""
    _slot().prepare()


def _slot() -> Slot:
    configuration = Configuration.from_settings()
    directory = configuration.builder_dir
    joined, key = identity.load(directory), identity.load_key(directory)
    return Slot(
        info=machine.slots(settings.SERPENT_SLOTS)[settings.SERPENT_SLOT],
        configuration=configuration,
        connect=lambda: HubClient(identity=joined, key=key),
    )


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Lets a signal end a build at once; Celery's own handlers would wait for it, for hours."""
    handled = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
    before = {number: signal.signal(number, _leave) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    # Unwinding kills the build's processes and removes its control group on the way out; of all exits, this one is
    # let through by Celery.
    raise WorkerTerminate(128 + number)
