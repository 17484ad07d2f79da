"""A builder's web server as vessel sees it: honest by default, with one way to lie for each thing vessel checks."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


@dataclass
class Builder:
    """Serves the files of a directory below /artefacts/; tests turn its knobs between requests."""

    directory: Path
    uri: str = ""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    knows_ranges: bool = True
    status: int | None = None  # answers this to everything
    location: str = ""  # with a redirect
    cut_after: int | None = None  # closes the connection after so many bytes of a body
    extra: bytes = b""  # after the file, in chunked encoding
    announced: int | None = None  # as Content-Length
    pause: float = 0  # seconds before each 1 KiB
    encoding: str = ""


@contextmanager
def serve(directory: Path) -> Iterator[Builder]:
    """Runs it on a free port of the loopback."""
    builder = Builder(directory)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(builder))
    builder.uri = f"http://127.0.0.1:{server.server_port}/artefacts/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield builder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(builder: Builder) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        knobs = builder

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    knobs: Builder

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.knobs.requests.append((self.path, dict(self.headers)))
        self.close_connection = True
        if self.knobs.status is not None:
            self._send_status(self.knobs.status)
            return
        data = (self.knobs.directory / unquote(self.path).rpartition("/")[2]).read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.knobs.knows_ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.knobs.encoding:
            self.send_header("Content-Encoding", self.knobs.encoding)
        if self.knobs.extra:
            self._send_chunked(data[start:], self.knobs.extra)
        else:
            self._send_slowly(data[start:])

    def _send_status(self, status: int) -> None:
        self.send_response(status)
        if self.knobs.location:
            self.send_header("Location", self.knobs.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_chunked(self, *pieces: bytes) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _send_slowly(self, data: bytes) -> None:
        self.send_header("Content-Length", str(self.knobs.announced or len(data)))
        self.end_headers()
        data = data[: self.knobs.cut_after]
        step = 1024 if self.knobs.pause else 64 * 1024
        with suppress(ConnectionError):  # the client has heard enough
            for start in range(0, len(data), step):
                time.sleep(self.knobs.pause)
                self.wfile.write(data[start : start + step])
