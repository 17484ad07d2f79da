"""Files from the network or a directory, kept by their sha256 and checked while they arrive."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import requests

_CONNECT_SECONDS, _READ_SECONDS = 15.0, 60.0
_CHUNK = 1 << 18
_ATTEMPTS, _PAUSE = 3, 1.0
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class DownloadFailed(Exception):
    """The file cannot be had; the message says from where and why."""


class WrongHash(Exception):
    """The file is not what was pinned."""

    def __init__(self, *, expected: str, actual: str, uri: str) -> None:
        super().__init__(f"{uri} has the sha256 {actual}, not {expected}")
        self.expected, self.actual, self.uri = expected, actual, uri


class FileCache:
    """Files by sha256 in one directory of at most about `limit` bytes, shared by all slots of a machine."""

    def __init__(self, directory: Path, *, limit: int) -> None:
        self._directory = directory
        self._limit = limit

    def path(self, sha256: str) -> Path:
        """Names where a file with this hash lies."""
        return self._directory / sha256

    def holds(self, sha256: str) -> bool:
        """Says whether the file is here, and notes that it is wanted."""
        try:
            os.utime(self.path(sha256))
        except FileNotFoundError:
            return False
        return True

    def get(self, uri: str, sha256: str, *, check: Callable[[], None]) -> Path:
        """Gives the file, fetching it where it is not here; `check` may raise to end the wait.

        Raises `DownloadFailed` and `WrongHash`.
        """
        if not self.holds(sha256):
            self._directory.mkdir(parents=True, exist_ok=True)
            with _aside(self.path(sha256)) as fresh:
                actual = download(uri, fresh, check=check)
                if actual != sha256:
                    raise WrongHash(expected=sha256, actual=actual, uri=uri)
                fresh.replace(self.path(sha256))
            self.prune()
        return self.path(sha256)

    def prune(self) -> None:
        """Removes what was wanted longest ago until the rest fits the limit."""
        found = []
        for path in self._directory.iterdir():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # another slot was faster
            found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._limit:
                return
            path.unlink(missing_ok=True)
            total -= size


def download(uri: str, destination: Path, *, check: Callable[[], None], patience: int = _ATTEMPTS) -> str:
    """Writes what stands at an http, https or file URI and gives its sha256; repeats what may pass.

    Raises `DownloadFailed`.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file":
        try:
            return copy(Path(unquote(parts.path)), destination)
        except OSError as error:
            raise DownloadFailed(f"{uri}: {error.strerror}") from error
    if parts.scheme not in {"http", "https"}:
        raise DownloadFailed(f"{uri}: only http and https addresses are fetched")
    for attempt in range(1, patience + 1):
        try:
            return _request(uri, destination, check)
        except requests.HTTPError as error:
            status = error.response.status_code
            if status not in _PASSING or attempt == patience:
                raise DownloadFailed(f"{uri}: the server answered {status} {error.response.reason}") from error
        except requests.RequestException as error:
            if attempt == patience:
                raise DownloadFailed(f"{uri}: {_reason(error)}") from error
        check()
        time.sleep(_PAUSE * attempt)
    raise DownloadFailed(f"{uri}: not tried")


def copy(source: Path, destination: Path) -> str:
    """Copies a regular file and gives its sha256."""
    shutil.copyfile(source, destination)
    with destination.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _request(uri: str, destination: Path, check: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    headers = {"Accept-Encoding": "identity", "User-Agent": "serpent-infra"}
    with requests.get(uri, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS), headers=headers) as response:
        response.raise_for_status()
        announced = response.headers.get("Content-Length", "")
        with destination.open("wb") as file:
            for chunk in response.iter_content(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
                check()
            if announced.isdecimal() and file.tell() != int(announced):
                raise requests.ConnectionError(f"only {file.tell():,} of {int(announced):,} bytes arrived")
    return digest.hexdigest()


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    return str(error).rpartition(": ")[2].strip("')( ") or type(error).__name__


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    fresh = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)
