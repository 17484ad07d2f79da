"""Fetching from a real web server that is honest, or not."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from serpent_infra.wire import tokens
from serpent_infra.wire.reports import ArtefactInfo
from tests.factories.vessel import artefact
from tests.fakes.builder import Builder
from vessel import fetch
from vessel.fetch import Fetcher, FetchFailed, FetchRefused

DATA = os.urandom(300_000)


@pytest.fixture
def wanted(stones: Path) -> ArtefactInfo:
    path = stones / "nano-8.4-1-1-x86_64.stone"
    path.write_bytes(DATA)
    return artefact(path)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    directory = tmp_path / "into"
    directory.mkdir()
    return directory


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def fetcher(builder: Builder, key: Ed25519PrivateKey) -> Iterator[Fetcher]:
    with Fetcher(base_uri=builder.uri, audience="embedded", key=key, most_bytes=10**6) as running:
        yield running


def part_of(into: Path, wanted: ArtefactInfo) -> Path:
    return into / f".{wanted.name}.part"


def test_a_file_arrives_whole(fetcher: Fetcher, wanted: ArtefactInfo, into: Path) -> None:
    assert fetcher.fetch(wanted, into).read_bytes() == DATA
    assert list(into.iterdir()) == [into / wanted.name]


def test_each_request_carries_a_token_for_this_builder(
    fetcher: Fetcher, builder: Builder, key: Ed25519PrivateKey, wanted: ArtefactInfo, into: Path
) -> None:
    fetcher.fetch(wanted, into)
    ((path, headers),) = builder.requests
    assert path == f"/artefacts/{wanted.name}"
    token = headers["Authorization"].removeprefix("Bearer ")
    tokens.verify(token, key=key.public_key(), issuer="hub", audience="embedded")


def test_what_is_there_already_is_not_fetched_again(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path
) -> None:
    fetcher.fetch(wanted, into)
    fetcher.fetch(wanted, into)
    assert len(builder.requests) == 1


def test_a_broken_connection_is_gone_on_with(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path
) -> None:
    builder.cut_after = 100_000
    with pytest.raises(FetchFailed, match="broke off"):
        fetcher.fetch(wanted, into)
    assert part_of(into, wanted).stat().st_size == 100_000
    builder.cut_after = None
    assert fetcher.fetch(wanted, into).read_bytes() == DATA
    assert builder.requests[1][1]["Range"] == "bytes=100000-"


def test_a_builder_without_ranges_is_asked_for_all_of_it(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path
) -> None:
    part_of(into, wanted).write_bytes(DATA[:1000])
    builder.knows_ranges = False
    assert fetcher.fetch(wanted, into).read_bytes() == DATA


def test_a_part_that_is_damaged_is_fetched_anew(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path
) -> None:
    part_of(into, wanted).write_bytes(b"x" * 1000)
    assert fetcher.fetch(wanted, into).read_bytes() == DATA
    assert ["Range" in headers for _, headers in builder.requests] == [True, False]


def test_a_part_that_is_complete_needs_no_request(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path
) -> None:
    part_of(into, wanted).write_bytes(DATA)
    assert fetcher.fetch(wanted, into).read_bytes() == DATA
    assert builder.requests == []


def lying(**knobs: Any) -> Callable[[Builder], None]:
    def turn(builder: Builder) -> None:
        for name, value in knobs.items():
            setattr(builder, name, value)

    return turn


@pytest.mark.parametrize(
    "lie",
    [
        (lying(status=302, location="http://127.0.0.1:1/"), "redirect, which is never followed"),
        (lying(status=308, location="file:///etc/passwd"), "redirect"),
        (lying(announced=10), "300,000 bytes declared, the builder announces 10 from byte 0"),
        (lying(announced=10**9), "announces 1000000000"),
        (lying(extra=b"more"), "serves more than 300,000 bytes"),
        (lying(encoding="gzip"), "serves it encoded"),
    ],
)
def test_lies_are_refused(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path, lie: tuple[Callable[[Builder], None], str]
) -> None:
    turn, words = lie
    turn(builder)
    with pytest.raises(FetchRefused, match=words) as caught:
        fetcher.fetch(wanted, into)
    assert wanted.name in str(caught.value)
    assert not (into / wanted.name).exists()


def test_other_bytes_than_declared_are_refused_and_not_kept(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path
) -> None:
    served = b"y" * len(DATA)
    (builder.directory / wanted.name).write_bytes(served)
    with pytest.raises(FetchRefused) as caught:
        fetcher.fetch(wanted, into)
    assert wanted.sha256 in str(caught.value)
    assert hashlib.sha256(served).hexdigest() in str(caught.value)
    assert not any(into.iterdir())


@pytest.mark.parametrize("status", [401, 403, 404, 410, 416, 500, 503])
def test_an_error_of_the_builder_is_for_another_try(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path, status: int
) -> None:
    builder.status = status
    with pytest.raises(FetchFailed, match=f"answers {status}"):
        fetcher.fetch(wanted, into)


@pytest.mark.parametrize(
    "name", ["../escape", "/etc/passwd", "..", ".", "", "a/b", ".hidden", "a\0b", "a\nb", "a\n", "x" * 300]
)
def test_a_name_that_could_leave_the_directory_touches_nothing(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path, name: str
) -> None:
    with pytest.raises(FetchRefused, match="no name for a file"):
        fetcher.fetch(msgspec.structs.replace(wanted, name=name), into)
    assert builder.requests == []
    assert not any(into.iterdir())


def test_a_declared_size_beyond_the_limit_is_refused_unasked(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path
) -> None:
    with pytest.raises(FetchRefused, match="1,000,000 are allowed"):
        fetcher.fetch(msgspec.structs.replace(wanted, size=10**6 + 1), into)
    assert builder.requests == []


def test_a_builder_that_drips_is_given_up(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "GRACE_SECONDS", 0)
    monkeypatch.setattr(fetch, "SLOWEST", 10**6)  # 0.3 s for this file
    monkeypatch.setattr(fetch, "CHUNK", 1024)
    builder.pause = 0.05
    with pytest.raises(FetchFailed, match="too slow"):
        fetcher.fetch(wanted, into)


def test_a_builder_that_falls_silent_is_given_up(
    fetcher: Fetcher, builder: Builder, wanted: ArtefactInfo, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "READ_SECONDS", 0.2)
    builder.pause = 0.6
    with pytest.raises(FetchFailed, match="in time"):
        fetcher.fetch(wanted, into)


def test_a_builder_that_is_away_is_for_another_try(key: Ed25519PrivateKey, wanted: ArtefactInfo, into: Path) -> None:
    away = Fetcher(base_uri="http://127.0.0.1:1/artefacts/", audience="embedded", key=key, most_bytes=10**6)
    with away, pytest.raises(FetchFailed, match="cannot be reached") as caught:
        away.fetch(wanted, into)
    assert "HTTPConnectionPool" not in str(caught.value)


@pytest.mark.parametrize("uri", ["file:///etc/", "ftp://host/", "http:///x/", "", "http://host/?q=", "javascript:x"])
def test_only_web_addresses_are_fetched_from(key: Ed25519PrivateKey, uri: str) -> None:
    with pytest.raises(FetchRefused, match="no address"):
        Fetcher(base_uri=uri, audience="embedded", key=key, most_bytes=1)
