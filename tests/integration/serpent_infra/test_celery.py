"""Connections to the database around a task: kept as around a request, and closed where they are old or broken."""

from datetime import datetime

import pytest
from celery import shared_task
from celery.fixups import django as fixups
from celery.signals import task_postrun, task_prerun
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from serpent_infra.celery import app

pytestmark = pytest.mark.django_db


@shared_task(name="tests.look")
def look() -> None:
    """Does nothing; its signals are sent by hand, as a worker does."""


def run_as_worker_does() -> None:
    worker = fixups.DjangoWorkerFixup(app)  # type: ignore[attr-defined] # the stubs leave it out
    for signal, handle in ((task_prerun, worker.on_task_prerun), (task_postrun, worker.on_task_postrun)):
        handle(look)
        signal.send(look, task=look, task_id="1")


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Notes each wish to close the connection, and grants none: the test's transaction lives in it."""
    times: list[datetime] = []
    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "close", lambda: times.append(timezone.now()))
    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "get_autocommit", lambda: True)
    return times


def test_a_connection_outlives_its_task(closed: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "close_at", None)
    run_as_worker_does()
    assert closed == []


def test_an_old_connection_is_closed(closed: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "close_at", 0.0)
    run_as_worker_does()
    assert len(closed) == 2


def test_a_broken_connection_is_closed(closed: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "close_at", None)
    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "errors_occurred", True)
    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "is_usable", lambda: False)
    run_as_worker_does()
    assert len(closed) == 2
