"""Builders' broker accounts and the bells, on a real Valkey server and with a real Celery worker."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
import redis
from pytest_django import Settings

from avalanche import broker, doorbell, enrolment
from avalanche import interfaces as avalanche
from avalanche.models import Builder
from serpent_infra import bells
from serpent_infra.processes.valkey import valkey_process
from serpent_infra.wire.builders import EnrolAnswer
from tests.factories.avalanche import AT, make_builder, make_enrol_request, make_order
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = """
import os, pathlib
from celery import Celery
app = Celery("slot", broker=os.environ["BROKER"])
app.conf.broker_transport_options = {"global_keyprefix": os.environ["PREFIX"]}
app.conf.update(task_ignore_result=True, worker_disable_prefetch=True, broker_connection_retry_on_startup=True)
@app.task(name="avalanche.build")
def build(**kwargs):
    pathlib.Path(os.environ["HEARD"]).write_text(kwargs["attempt"])
"""


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of this module's own, with the hub's password in it."""
    url = f"redis://:hub-secret@127.0.0.1:{free_port()}/0"
    server = subprocess.Popen(valkey_process(url=url, directory=tmp_path_factory.mktemp("valkey")).argv)
    try:
        _wait_until(lambda: _answers(url))
        yield url
    finally:
        server.terminate()
        server.wait(timeout=10)


@pytest.fixture
def hub(valkey: str, settings: Settings) -> Iterator[redis.Redis]:
    """The broker as the hub uses it, empty and without builders' accounts."""
    settings.CELERY_BROKER_URL = settings.SERPENT_BUILDER_BROKER_URL = valkey
    bells.sender.cache_clear()
    with redis.Redis.from_url(valkey, decode_responses=True) as client:
        client.flushall()
        client.acl_log_reset()
        for user in client.acl_users():
            if user != "default":
                client.acl_deluser(user)
        yield client
    bells.sender.cache_clear()


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def _wait_until(holds: Callable[[], bool], *, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.05)


def _enrol(name: str) -> EnrolAnswer:
    code = enrolment.issue_code(name=name, tier=avalanche.Tier.OFFICIAL, at=AT)
    return enrolment.enrol(make_enrol_request(code, name=name), at=AT)


def test_an_enrolled_builder_reaches_its_own_keys_only(hub: redis.Redis) -> None:
    answer = _enrol("kiln")
    hub.set("secret", "x")
    hub.lpush("oven.build.oven.0", "x")
    with redis.Redis.from_url(answer.broker_uri) as guest:
        guest.lpush("kiln.build.kiln.0", "x")
        for attempt in (
            lambda: guest.get("secret"),
            lambda: guest.rpop("oven.build.oven.0"),
            lambda: guest.lpush("summit.settle", "x"),
            lambda: guest.publish("oven./0.celery.pidbox", "x"),
            lambda: guest.keys("*"),
            guest.flushall,
            guest.acl_users,
            lambda: guest.config_get("requirepass"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                attempt()


def test_a_wrong_password_opens_nothing(hub: redis.Redis) -> None:
    answer = _enrol("kiln")
    with (
        redis.Redis.from_url(answer.broker_uri.replace(":builder-kiln:", ":x").replace("@", "x@", 1)) as guest,
        pytest.raises(redis.AuthenticationError),
    ):
        guest.ping()
    assert "builder-kiln" in hub.acl_users()


def test_accounts_that_the_broker_forgot_are_made_again_and_others_left_alone(hub: redis.Redis) -> None:
    answer = _enrol("kiln")
    assert enrolment.restore_accounts() == 0
    hub.acl_deluser("builder-kiln")
    assert enrolment.restore_accounts() == 1
    with redis.Redis.from_url(answer.broker_uri) as guest:
        assert guest.ping()


def test_a_new_enrolment_ends_the_old_password(hub: redis.Redis) -> None:
    first, second = _enrol("kiln"), _enrol("kiln")
    with redis.Redis.from_url(first.broker_uri) as guest, pytest.raises(redis.AuthenticationError):
        guest.ping()
    with redis.Redis.from_url(second.broker_uri) as guest:
        assert guest.ping()
    assert hub.acl_users().count("builder-kiln") == 1


def test_a_revoked_builder_is_shut_out(hub: redis.Redis) -> None:
    answer = _enrol("kiln")
    enrolment.revoke(Builder.objects.get())
    assert hub.acl_users() == ["default"]
    with redis.Redis.from_url(answer.broker_uri) as guest, pytest.raises(redis.AuthenticationError):
        guest.ping()


def test_an_offer_rings_its_slots_queue_with_the_id_only(hub: redis.Redis) -> None:
    make_builder()
    order = make_order()
    avalanche.offer(order=order, task="t", builder="kiln", slot=1, reply_to="summit.settle", at=AT)
    (message,) = hub.lrange("kiln.build.kiln.1", 0, -1)
    headers = json.loads(message)["headers"]
    assert (headers["task"], headers["expires"] is not None) == ("avalanche.build", True)
    assert str(order.attempt) in headers["kwargsrepr"]
    assert "nano" not in message


def test_the_end_of_an_offer_rings_the_asker_on_its_own_queue(hub: redis.Redis) -> None:
    make_builder()
    order = make_order()
    avalanche.offer(order=order, task="t", builder="kiln", slot=0, reply_to="summit.settle", at=AT)
    avalanche.cancel(attempt=order.attempt, at=AT)
    (message,) = hub.lrange("hub", 0, -1)
    assert json.loads(message)["headers"]["task"] == "summit.settle"


def test_a_celery_worker_with_a_builders_account_hears_its_bell_and_is_denied_nothing(
    hub: redis.Redis, tmp_path: Path
) -> None:
    answer = _enrol("kiln")
    Builder.objects.get().note_seen(at=AT)
    (tmp_path / "slot_worker.py").write_text(WORKER)
    heard, output = tmp_path / "heard", tmp_path / "output"
    command = [sys.executable, "-m", "celery", "-A", "slot_worker", "worker", "-Q", "build.kiln.0", "-n", "slot0@kiln"]
    command += ["--pool", "solo", "--without-gossip", "--without-mingle", "-l", "INFO"]
    env = {**os.environ, "BROKER": answer.broker_uri, "PREFIX": answer.broker_prefix, "HEARD": str(heard)}
    env |= {"PYTHONWARNINGS": "ignore", "C_FORCE_ROOT": "1", "PYTHONPATH": str(tmp_path)}
    attempt = UUID(int=7)
    with output.open("wb") as log:
        worker = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)
        try:
            bells._ring(doorbell.BUILD_TASK, {"attempt": attempt}, "kiln.", {"queue": "build.kiln.0"})
            _wait_until(heard.exists, seconds=30)
            _wait_until(lambda: heard.read_text() == str(attempt))
        finally:
            worker.terminate()
            worker.wait(timeout=15)
    assert "NOPERM" not in output.read_text()
    assert "permission" not in output.read_text().lower()
    assert not hub.acl_log()


def test_a_broker_that_is_away_delays_and_breaks_nothing(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    bells.sender.cache_clear()
    make_builder()
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        order = make_order()
        avalanche.offer(order=order, task="t", builder="kiln", slot=0, reply_to="summit.settle", at=AT)
        avalanche.cancel(attempt=order.attempt, at=AT)
        assert broker.apply_accounts([("kiln", "0" * 64)]) == 0
        broker.remove_account("kiln")
    assert time.monotonic() - began < 5
    assert (
        len([record for record in caplog.records if record.name.startswith(("avalanche.", "serpent_infra.bells"))]) == 4
    )
    bells.sender.cache_clear()
