"""vessel's bells on a real Valkey: they reach the right queue, and a broker that is away costs next to nothing."""

import json
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from django.db import transaction
from pytest_django import Settings

from serpent_infra import bells
from serpent_infra.processes.valkey import valkey_process
from tests.factories.vessel import AT, make_order, make_stone, make_stream
from tests.ports import free_port
from vessel import doorbell, intake
from vessel.models import Import

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def valkey(settings: Settings, tmp_path: Path) -> Iterator[redis.Redis]:
    url = f"redis://:secret@127.0.0.1:{free_port()}/0"
    server = subprocess.Popen(valkey_process(url=url, directory=tmp_path / "valkey").argv)
    settings.CELERY_BROKER_URL = url
    try:
        with redis.Redis.from_url(url, decode_responses=True) as client:
            for _ in range(200):
                with suppress(redis.ConnectionError):
                    client.ping()
                    break
                time.sleep(0.05)
            yield client
    finally:
        bells.sender(url, "").close()
        bells.sender.cache_clear()
        server.terminate()
        server.wait(timeout=10)


def rung(valkey: redis.Redis, queue: str) -> list[tuple[str, dict[str, str]]]:
    messages = [json.loads(text) for text in valkey.lrange(queue, 0, -1)]
    return [(message["headers"]["task"], json.loads(b64decode(message["body"]))[1]) for message in messages]


def test_bells_reach_their_queues_after_commit(valkey: redis.Redis, stones: Path) -> None:
    make_stream()
    order = make_order([make_stone(stones)], reference="one")
    with transaction.atomic():
        intake.request(order=order, reply_to="summit.settle_import", at=AT)
        assert rung(valkey, "publish") == []
    assert rung(valkey, "publish") == [("vessel.import_artefacts", {"reference": "one"})]
    Import.objects.get().refuse(problem="no", at=AT)
    doorbell.ring("summit.settle_import", reference="one")
    assert rung(valkey, "hub") == [("summit.settle_import", {"reference": "one"})]


def test_a_broker_that_is_away_costs_no_import(settings: Settings, stones: Path) -> None:
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    make_stream()
    begin = time.monotonic()
    intake.request(order=make_order([make_stone(stones)]), reply_to="test.settle", at=AT)
    assert time.monotonic() - begin < 2
    assert Import.objects.get().is_open
