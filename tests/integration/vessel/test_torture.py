"""Clients that read without pause while the channel is published and rolled back see no gap and no mixture."""

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from urllib.parse import urljoin
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.core.wsgi import get_wsgi_application

from serpent_infra.formats.index import read_index
from tests.factories.vessel import bring_in, later, make_meta, make_stone, make_stream
from vessel import versions
from vessel.check import findings
from vessel.models import Version

pytestmark = pytest.mark.django_db

PUBLICATIONS = 30
CLIENTS = 3


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = False


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web() -> Iterator[int]:
    """The site itself on a free port; its threads may not touch the database, and serving files needs none."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), server_class=_Server, handler_class=_Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Reader(threading.Thread):
    """Reads root index, index and one stone, round after round, by the root index and by the stream's path."""

    def __init__(self, port: int, ended: threading.Event) -> None:
        super().__init__()
        self.port = port
        self.ended = ended
        self.rounds = 0
        self.seen: set[str] = set()
        self.problem = ""

    def run(self) -> None:
        try:
            while not self.ended.is_set():
                self.read_once()
                self.rounds += 1
        except Exception as error:  # noqa: BLE001 - shown by the test
            self.problem = repr(error)

    def read_once(self) -> None:
        root = json.loads(self.get("/repository/main/moss-root-index.json"))
        history = root["streams"]["volatile"]["history"]
        assert history in root["history"], "the stream leads to a version that is not listed"
        self.seen.add(history)
        for address in (f"history/{history}", "stream/volatile"):
            uri = f"/repository/main/{address}/x86_64/stone.index"
            metas = read_index(self.get(uri))
            releases = {meta.release for meta in metas}
            assert len(metas) == 2, "a version was half there"
            assert len(releases) == 1, "a mixture of two versions"
            stone = self.get(urljoin(uri, metas[0].uri))
            assert hashlib.sha256(stone).hexdigest() == metas[0].hash

    def get(self, uri: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", uri)
            response = connection.getresponse()
            data = response.read()
            assert response.status == 200, f"{uri} answers {response.status}"
            return data
        finally:
            connection.close()


def test_readers_see_one_whole_version_at_any_moment(stones: Path) -> None:
    stream = make_stream()

    def publish(release: int) -> None:
        pair = [make_meta(name, release=release, source_id="nano") for name in ("nano", "nano-devel")]
        bring_in([make_stone(stones, meta) for meta in pair], at=later(release))

    publish(1)
    ended = threading.Event()
    with web() as port:
        readers = [Reader(port, ended) for _ in range(CLIENTS)]
        for reader in readers:
            reader.start()
        for release in range(2, PUBLICATIONS + 2):
            publish(release)
            if release % 5 == 0:  # back and forth again
                stream.refresh_from_db()
                newest = stream.version
                assert newest is not None
                for target, expected in ((newest.parent, newest), (newest, newest.parent)):
                    assert target is not None
                    versions.move_stream(
                        stream=stream, version=target, expected=expected, who="ann", why="", at=later(release)
                    )
        ended.set()
        for reader in readers:
            reader.join()
    assert [reader.problem for reader in readers] == [""] * CLIENTS
    assert min(reader.rounds for reader in readers) >= 5
    assert len(set().union(*(reader.seen for reader in readers))) >= 5
    assert Version.objects.count() == PUBLICATIONS + 2
    assert list(findings(stream.channel)) == []
