"""The agent's client against the hub itself, over HTTP."""

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from avalanche import enrolment, logs
from avalanche import interfaces as avalanche
from avalanche.agent import artefacts, hub, identity
from avalanche.agent.hub import HubClient, HubRefused, HubUnreachable, LogGap
from avalanche.agent.identity import Identity
from avalanche.agent.watch import Agent
from avalanche.models import Attempt, Builder, HostSample
from avalanche.states import AttemptState
from avalanche.statuses import Tier
from serpent_infra.wire.builders import Hello
from tests.factories.avalanche import (
    make_attempt,
    make_builder,
    make_enrol_request,
    make_host,
    make_key,
    make_order,
    make_report,
    make_sample,
    make_slots,
)
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True, scope="module")
def _threads_end_before_the_server() -> Iterator[None]:
    """Ends the live server's threads while they may still close their session of the database.

    A `requests.Session` ends its kept connections only when it is collected, whatever its `close` says; until then a
    thread of the server serves them. Later PostgreSQL would not drop the database, or the thread not be let to close.
    """
    yield
    gc.collect()
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(timeout=5)


@pytest.fixture(autouse=True)
def _no_broker(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"


def client_of(builder: str, hub_uri: str) -> HubClient:
    who = Identity(builder=builder, hub_uri=hub_uri, hub_public_key="", broker_uri="", broker_prefix="")
    return HubClient(identity=who, key=make_key(builder))


@pytest.fixture
def client(live_server: LiveServer) -> HubClient:
    make_builder(at=timezone.now() - timedelta(seconds=2))
    return client_of("kiln", live_server.url)


def offer() -> Attempt:
    order = make_order()
    avalanche.offer(order=order, task="t", builder="kiln", slot=0, reply_to="tests.settle", at=timezone.now())
    return Attempt.objects.get(pk=order.attempt)


def test_an_attempt_goes_its_way_from_claim_to_dropped(client: HubClient) -> None:
    attempt = offer()
    claimed = client.claim(attempt=attempt.pk, slot=0)
    epoch = claimed.lease.epoch
    assert claimed.order == attempt.order
    assert not client.renew(attempt=attempt.pk, epoch=epoch, phase="setup").cancel
    assert client.append_log(attempt=attempt.pk, epoch=epoch, offset=0, chunk=b"one\n") == 4
    with pytest.raises(LogGap) as gap:
        client.append_log(attempt=attempt.pk, epoch=epoch, offset=9, chunk=b"x")
    assert gap.value.size == 4
    avalanche.cancel(attempt=attempt.pk, at=timezone.now())
    assert client.renew(attempt=attempt.pk, epoch=epoch, phase="build").cancel
    attempt.refresh_from_db()
    report = make_report(attempt)
    client.report(report)
    client.report(report)
    assert Attempt.objects.get().status == AttemptState.CANCELLED
    assert client.droppable() == (attempt.pk,)
    client.dropped(attempt=attempt.pk)
    assert client.droppable() == ()
    assert logs.path_of(attempt.pk).read_bytes() == b"one\n"


def test_a_refusal_carries_its_code(client: HubClient) -> None:
    with pytest.raises(HubRefused) as refusal:
        client.claim(attempt=uuid4(), slot=0)
    assert (refusal.value.status, refusal.value.code) == (404, "not_found")
    attempt = offer()
    client.claim(attempt=attempt.pk, slot=0)
    with pytest.raises(HubRefused) as refusal:
        client.claim(attempt=attempt.pk, slot=0)
    assert (refusal.value.status, refusal.value.code) == (409, "not-offered")
    client.hello(Hello(idle_slots=(0,)))
    with pytest.raises(HubRefused) as refusal:
        client.renew(attempt=attempt.pk, epoch=1, phase="")
    assert (refusal.value.status, refusal.value.code) == (409, "stale-lease")


def test_a_stranger_is_refused(live_server: LiveServer) -> None:
    with pytest.raises(HubRefused) as refusal:
        client_of("nobody", live_server.url).send_sample(make_sample())
    assert refusal.value.status == 401


def test_a_hub_that_is_away_is_asked_again_until_patience_ends() -> None:
    client = client_of("kiln", f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(HubUnreachable):
        client.hello(Hello(), patience=0.8)
    assert 0.5 < time.monotonic() - began < 3
    with pytest.raises(HubUnreachable):
        client.send_sample(make_sample())


def test_a_hub_that_comes_back_is_reached() -> None:
    port = free_port()
    calls: list[bytes] = []

    def hub_that_starts_late() -> None:
        time.sleep(0.5)
        with socket.create_server(("127.0.0.1", port)) as server:
            for status in (b"503 Service Unavailable", b"204 No Content"):
                connection, _ = server.accept()
                with connection:
                    calls.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=hub_that_starts_late)
    thread.start()
    client_of("kiln", f"http://127.0.0.1:{port}").hello(Hello(), patience=10)
    thread.join(timeout=5)
    assert [call.split(b"\r\n", 1)[0] for call in calls] == [b"POST /api/agent/v1/hello HTTP/1.1"] * 2


def test_a_redirect_is_not_followed_with_the_token() -> None:
    port = free_port()

    def hub_that_sends_away() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(target=hub_that_sends_away)
        thread.start()
        with pytest.raises(HubRefused) as refusal:
            client_of("kiln", f"http://127.0.0.1:{port}").send_sample(make_sample())
        thread.join(timeout=5)
    assert refusal.value.status == 307


def test_the_agent_greets_measures_and_drops(client: HubClient, tmp_path: Path) -> None:
    attempt = offer()
    client.claim(attempt=attempt.pk, slot=0)
    attempt.refresh_from_db()
    client.report(make_report(attempt))
    kept = artefacts.directory_of(tmp_path, attempt.pk)
    kept.mkdir(parents=True)
    (kept / "nano.stone").write_bytes(b"x")
    agent = Agent(hub=client, directory=tmp_path, host=make_host(hostname="oven"), slots=make_slots(3))
    samples = HostSample.objects.count()
    agent.turn()
    assert Builder.objects.get().slots.current().count() == 3
    assert HostSample.objects.count() == samples + 1
    assert kept.exists()
    avalanche.release_artefacts(attempt=attempt.pk, at=timezone.now())
    agent.drop_released()
    assert not kept.exists()
    assert Attempt.objects.get().dropped_at is not None


def test_an_agent_outlives_a_hub_that_is_away_or_refuses(
    live_server: LiveServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for address in (f"http://127.0.0.1:{free_port()}", live_server.url):
        agent = Agent(hub=client_of("nobody", address), directory=tmp_path, host=make_host(), slots=make_slots(1))
        agent.turn()
    assert [
        record.message.partition(":")[0] for record in caplog.records if "avalanche.agent.watch" in record.name
    ] == [
        "The hub is away",
        "The hub refuses",
    ]


@pytest.fixture
def _quick_probe(settings: Settings) -> None:
    settings.SERPENT_SANDBOX = "none of them"


@pytest.mark.usefixtures("_quick_probe")
def test_a_machine_joins_by_command(
    live_server: LiveServer, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("create_builder", "oven", "--tier", "official")
    code = capsys.readouterr().out.strip()
    call_command("enrol", live_server.url, code)
    assert "builder oven of" in capsys.readouterr().out
    builder = Builder.objects.get()
    joined = identity.load(settings.SERPENT_BUILDER_DIR)
    assert (joined.builder, joined.hub_uri, joined.broker_prefix) == ("oven", live_server.url, "oven.")
    assert (builder.tier, builder.is_enrolled) == (Tier.OFFICIAL, True)
    assert builder.slots.count() == settings.SERPENT_SLOTS
    for secret in (identity.KEY_FILE, identity.IDENTITY_FILE):
        assert (settings.SERPENT_BUILDER_DIR / secret).stat().st_mode & 0o077 == 0
    client = HubClient(identity=joined, key=identity.load_key(settings.SERPENT_BUILDER_DIR))
    client.send_sample(make_sample())
    with pytest.raises(CommandError, match="does not take this machine in"):
        call_command("enrol", live_server.url, code)


def test_a_code_that_is_worth_nothing_leaves_no_identity(live_server: LiveServer) -> None:
    with pytest.raises(HubRefused):
        hub.enrol(hub_uri=live_server.url, request=make_enrol_request("x" * 43))


@pytest.mark.parametrize(
    ("arguments", "sentence"), [(["hub"], "cannot be called"), (["kiln", "--owner", "nobody"], "no user")]
)
def test_a_builder_that_cannot_be_is_said_so(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("create_builder", *arguments)
    assert not Builder.objects.exists()


def test_a_code_is_given_again_for_a_known_builder(capsys: pytest.CaptureFixture[str]) -> None:
    make_builder("kiln")
    call_command("create_builder", "kiln")
    code = capsys.readouterr().out.strip()
    answer = enrolment.enrol(make_enrol_request(code), at=timezone.now())
    assert answer.builder == "kiln"


def test_an_attempt_of_another_builder_is_out_of_reach(live_server: LiveServer) -> None:
    attempt = make_attempt(AttemptState.RUNNING, at=timezone.now())
    make_builder("stranger")
    stranger = client_of("stranger", live_server.url)
    deeds: list[Callable[[], object]] = [
        lambda: stranger.append_log(attempt=attempt.pk, epoch=1, offset=0, chunk=b"forged"),
        lambda: stranger.report(make_report(attempt)),
        lambda: stranger.dropped(attempt=attempt.pk),
    ]
    for deed in deeds:
        with pytest.raises(HubRefused) as refusal:
            deed()
        assert refusal.value.status == 404
    assert logs.size_of(attempt.pk) == 0
