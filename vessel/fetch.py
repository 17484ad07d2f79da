"""Fetches artefacts from a builder over HTTP: resumable, hashed while they stream, never a byte more than declared.

Nothing of what the builder answers is believed. What it can be blamed for is `FetchRefused`; what another try may cure
is `FetchFailed`.
"""

import hashlib
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

import requests
import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from serpent_infra.wire import tokens
from serpent_infra.wire.names import is_file_name
from serpent_infra.wire.reports import ArtefactInfo

CHUNK = 256 * 1024
CONNECT_SECONDS = 10
READ_SECONDS = 30  # between two chunks
GRACE_SECONDS = 60  # that any file may take
SLOWEST = 64 * 1024  # bytes a second beyond the grace


class FetchRefused(Exception):
    """The builder serves something else than it declared."""


class FetchFailed(Exception):
    """The file could not be had now: the network, or the builder's web server."""


class Fetcher:
    """Fetches files of one builder, each request under a fresh token of the hub's."""

    def __init__(self, *, base_uri: str, audience: str, key: Ed25519PrivateKey, most_bytes: int) -> None:
        parts = urlsplit(base_uri)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise FetchRefused(f"{base_uri!r} is no address to fetch from")
        self._base_uri = base_uri
        self._audience = audience
        self._key = key
        self._most_bytes = most_bytes
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc: they would replace our token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def fetch(self, artefact: ArtefactInfo, directory: Path) -> Path:
        """Brings a file into `directory` and gives its path; what an earlier try left there is gone on with.

        Raises `FetchRefused`, `FetchFailed`, and `OSError` where our own disk fails.
        """
        if not is_file_name(artefact.name):
            raise FetchRefused(f"{artefact.name!r} is no name for a file")
        if artefact.size > self._most_bytes:
            raise FetchRefused(f"{artefact.name}: {artefact.size:,} bytes declared, {self._most_bytes:,} are allowed")
        target = directory / artefact.name
        if target.is_file() and target.stat().st_size == artefact.size and _digest(target) == artefact.sha256:
            return target
        part = directory / f".{artefact.name[:240]}.part"
        resumed = part.is_file() and 0 < part.stat().st_size <= artefact.size
        found = self._download(artefact, part, resume=resumed)
        if found != artefact.sha256 and resumed:
            found = self._download(artefact, part, resume=False)  # perhaps it was our half that was damaged
        if found != artefact.sha256:
            part.unlink()
            raise FetchRefused(f"{artefact.name}: sha256 {artefact.sha256} declared, the builder serves {found}")
        part.rename(target)
        return target

    def _download(self, artefact: ArtefactInfo, part: Path, *, resume: bool) -> str:
        """Completes the part file and gives the hash of the whole."""
        digest = hashlib.sha256()
        deadline = time.monotonic() + GRACE_SECONDS + artefact.size / SLOWEST
        with part.open("r+b" if resume else "wb") as output:
            if resume:
                while chunk := output.read(CHUNK):
                    digest.update(chunk)
            start = output.tell()
            if resume and start == artefact.size:
                return digest.hexdigest()
            with self._ask(artefact, start) as response:
                if start and response.status_code != HTTPStatus.PARTIAL_CONTENT:
                    start = 0
                    output.seek(0)
                    output.truncate()
                    digest = hashlib.sha256()
                _check_answer(artefact, response, start)
                received = start
                for chunk in _chunks(artefact, response):
                    received += len(chunk)
                    if received > artefact.size:
                        raise FetchRefused(f"{artefact.name}: the builder serves more than {artefact.size:,} bytes")
                    if time.monotonic() > deadline:
                        raise FetchFailed(f"{artefact.name}: too slow, {received:,} of {artefact.size:,} bytes so far")
                    digest.update(chunk)
                    output.write(chunk)
        if received < artefact.size:
            raise FetchFailed(f"{artefact.name}: the connection ended after {received:,} of {artefact.size:,} bytes")
        return digest.hexdigest()

    def _ask(self, artefact: ArtefactInfo, start: int) -> requests.Response:
        token = tokens.sign(self._key, issuer=tokens.HUB, audience=self._audience)
        # One connection a file: a builder that closes a kept one between two files would look as if it were away. The
        # header only asks; closing drops what the pool kept, and the session goes on with a new one.
        self._session.close()
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity", "Connection": "close"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            return self._session.get(
                self._base_uri + quote(artefact.name, safe="+~:@"),
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        except requests.RequestException as error:
            raise FetchFailed(f"{artefact.name}: {_reason(error)}") from error


def _check_answer(artefact: ArtefactInfo, response: requests.Response, start: int) -> None:
    status = response.status_code
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise FetchRefused(f"{artefact.name}: the builder answers with a redirect, which is never followed")
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise FetchFailed(f"{artefact.name}: the builder answers {status}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchRefused(f"{artefact.name}: the builder serves it encoded, which was not asked for")
    if status == HTTPStatus.PARTIAL_CONTENT:
        wanted = f"bytes {start}-{artefact.size - 1}/{artefact.size}"
        if response.headers.get("Content-Range") != wanted:
            raise FetchRefused(f"{artefact.name}: the builder serves another range than {wanted}")
    length = response.headers.get("Content-Length")
    if length is not None and length != str(artefact.size - start):
        raise FetchRefused(
            f"{artefact.name}: {artefact.size:,} bytes declared, the builder announces {length} from byte {start:,}"
        )


def _chunks(artefact: ArtefactInfo, response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.raw.stream(CHUNK, decode_content=False)
    except (urllib3.exceptions.HTTPError, requests.RequestException) as error:
        raise FetchFailed(f"{artefact.name}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Says what went wrong without the addresses and objects that the libraries put into their messages."""
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        return "the builder did not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "the builder cannot be reached"
    return "the connection broke off"


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
