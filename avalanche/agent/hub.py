"""How a builder speaks to its hub: every request signed for a minute, repeated while the hub is away.

A build outlives a hub's restart: each method keeps trying for its patience, with growing pauses, on connection errors
and 5xx answers. Every request may be repeated, since the hub's handlers are idempotent; only a claim's answer can be
lost: then the attempt runs nowhere, and `hello` with the idle slot settles it at once.
"""

import logging
import os
import time
from collections.abc import Callable
from uuid import UUID

import msgspec
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from avalanche.agent.identity import Identity
from serpent_infra.wire import tokens
from serpent_infra.wire.builders import Droppable, EnrolAnswer, EnrolRequest, Hello, HostSample, LogSize
from serpent_infra.wire.orders import ClaimAnswer, ClaimRequest, RenewAnswer, RenewRequest
from serpent_infra.wire.reports import BuildReport

logger = logging.getLogger(__name__)

PREFIX = "/api/agent/v1/"
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
PATIENCE = 30.0  # how long, in seconds, a request is repeated unless its caller says otherwise
REPORT_PATIENCE = 3600.0  # hours of work hang on a report
SERVER_ERROR = 500


class HubUnreachable(Exception):
    """The hub did not answer, or answered 5xx, for as long as the caller had patience."""


class HubRefused(Exception):
    """The hub answered 4xx: repeating will not help. `code` is stable, e.g. `stale-lease` or `attempt-closed`."""

    def __init__(self, *, status: int, code: str, detail: str, body: dict[str, object]) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.body = body


class LogGap(Exception):
    """The hub has less of the log than was assumed: go on from `size`."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the hub has {size} bytes of the log")
        self.size = size


class HubClient:
    """The hub as one builder sees it. One client per thread: it holds a `requests.Session`."""

    def __init__(self, *, identity: Identity, key: Ed25519PrivateKey) -> None:
        self._identity = identity
        self._key = key
        self._session = _session(identity.hub_uri)

    def claim(self, *, attempt: UUID, slot: int) -> ClaimAnswer:
        """Takes an offered attempt over; `HubRefused` 404 (not ours) or 409 `not-offered` means: leave it."""
        answer = self._post(f"attempts/{attempt}/claim", ClaimRequest(slot=slot))
        return msgspec.json.decode(answer, type=ClaimAnswer)

    def renew(self, *, attempt: UUID, epoch: int, phase: str, patience: float = 0) -> RenewAnswer:
        """Says that the build lives; raises `HubRefused` 409 (`stale-lease`, `attempt-closed`) when it is gone."""
        answer = self._post(f"attempts/{attempt}/renew", RenewRequest(epoch=epoch, phase=phase), patience=patience)
        return msgspec.json.decode(answer, type=RenewAnswer)

    def append_log(self, *, attempt: UUID, epoch: int, offset: int, chunk: bytes, patience: float = PATIENCE) -> int:
        """Sends bytes of the log that begin at `offset` and gives the size the hub has now; at most 1 MiB a chunk.

        Raises `LogGap` when the hub has less than `offset` bytes, `HubRefused` 409 `stale-lease` or `attempt-closed`,
        413 `log-limit` when the order's log limit is reached.
        """
        path = f"attempts/{attempt}/log?epoch={epoch}&offset={offset}"
        try:
            answer = self._send("PUT", path, chunk, content_type="application/octet-stream", patience=patience)
        except HubRefused as refusal:
            size = refusal.body.get("size")
            if refusal.code == "log-gap" and isinstance(size, int):
                raise LogGap(size) from None
            raise
        return msgspec.json.decode(answer, type=LogSize).size

    def report(self, report: BuildReport, *, patience: float = REPORT_PATIENCE) -> None:
        """Hands in the one report of an attempt; repeating it changes nothing."""
        self._post(f"attempts/{report.attempt}/report", report, patience=patience)

    def hello(self, hello: Hello, *, patience: float = PATIENCE) -> None:
        """Says that an agent or a slot worker has started, and which slots run nothing."""
        self._post("hello", hello, patience=patience)

    def send_sample(self, sample: HostSample) -> None:
        """Sends one measurement; not repeated, the next one follows."""
        self._post("samples", sample, patience=0)

    def droppable(self) -> tuple[UUID, ...]:
        """Asks whose artefacts may be deleted."""
        answer = self._send("GET", "attempts/droppable", b"", content_type="application/json", patience=0)
        return msgspec.json.decode(answer, type=Droppable).attempts

    def dropped(self, *, attempt: UUID) -> None:
        """Says that nothing of an attempt is left here."""
        self._send("POST", f"attempts/{attempt}/dropped", b"", content_type="application/json", patience=0)

    def _post(self, path: str, message: msgspec.Struct, *, patience: float = PATIENCE) -> bytes:
        body = msgspec.json.encode(message)
        return self._send("POST", path, body, content_type="application/json", patience=patience)

    def _send(self, method: str, path: str, body: bytes, *, content_type: str, patience: float) -> bytes:
        def attempt_once() -> requests.Response:
            token = tokens.sign(self._key, issuer=self._identity.builder, audience=tokens.HUB)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
            return self._session.request(
                method,
                f"{self._identity.hub_uri}{PREFIX}{path}",
                data=body,
                headers=headers,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )

        return _patiently(attempt_once, patience=patience)


def _session(hub_uri: str) -> requests.Session:
    """Looks for proxies and certificates in the environment once, not before each request; never for a `.netrc`.

    That would put a password in our token's place.
    """
    session = requests.Session()
    session.proxies = requests.utils.get_environ_proxies(hub_uri)
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    session.trust_env = False
    return session


def enrol(*, hub_uri: str, request: EnrolRequest, patience: float = PATIENCE) -> EnrolAnswer:
    """Redeems an enrolment code at a hub; raises `HubRefused` when the code is worth nothing."""

    def attempt_once() -> requests.Response:
        return requests.post(
            f"{hub_uri.rstrip('/')}{PREFIX}enrol",
            data=msgspec.json.encode(request),
            headers={"Content-Type": "application/json"},
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            allow_redirects=False,
        )

    return msgspec.json.decode(_patiently(attempt_once, patience=patience), type=EnrolAnswer)


def _patiently(attempt_once: Callable[[], requests.Response], *, patience: float) -> bytes:
    """Repeats a request until it is answered, for `patience` seconds (0: once)."""
    give_up_at = time.monotonic() + patience
    pause = FIRST_PAUSE
    while True:
        try:
            response = attempt_once()
        except requests.RequestException as error:
            trouble = f"{type(error).__name__}: {error}"
        else:
            if response.status_code < SERVER_ERROR:
                return _body_of(response)
            trouble = f"the hub answered {response.status_code}"
        if time.monotonic() + pause > give_up_at:
            raise HubUnreachable(trouble)
        logger.warning("Hub not reached, again in %.1f s: %s", pause, trouble)
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _body_of(response: requests.Response) -> bytes:
    """Gives the body of a 2xx answer; raises `HubRefused` otherwise."""
    if response.ok and not response.is_redirect:
        return response.content
    try:
        body = msgspec.json.decode(response.content, type=dict[str, object])
    except msgspec.DecodeError:
        body = {}
    raise HubRefused(
        status=response.status_code,
        code=str(body.get("code", "unknown")),
        detail=str(body.get("detail") or body.get("errors") or response.reason),
        body=body,
    )
