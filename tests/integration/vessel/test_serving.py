"""The published tree over HTTP: cache headers, ranges, negotiation, and no way out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from backports import zstd
from django.http.response import HttpResponseBase
from django.test import Client

from tests.factories.vessel import bring_in, later, make_meta, make_stone, make_stream
from vessel.models import Stone, Version

pytestmark = pytest.mark.django_db

ROOT_INDEX = "moss-root-index.json"


@pytest.fixture
def tree(stones: Path, public_dir: Path) -> Path:
    make_stream()
    bring_in([make_stone(stones, make_meta("nano"))], at=later(1))
    return public_dir / "main"


@pytest.fixture
def stone(tree: Path) -> str:
    assert tree.exists()
    return Stone.objects.get().pool_path


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def close(response: HttpResponseBase) -> None:
    """Closes the file of an answer, without the signal that would also close the test's database connection."""
    for closer in response._resource_closers:  # type: ignore[attr-defined]
        closer()


def get(path: str, **headers: str) -> Answer:
    names = {key.replace("_", "-"): text for key, text in headers.items()}
    response = Client().get(f"/repository/main/{path}", headers=names)
    body = b"".join(response) if response.streaming else response.content
    close(response)
    return Answer(response.status_code, response.headers, body)


def test_what_never_changes_may_be_kept_for_good(tree: Path, stone: str) -> None:
    for path in (stone, f"history/{Version.objects.latest('pk')}/x86_64/stone.index"):
        response = get(path)
        assert response.status == 200
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.body == (tree / path).read_bytes()


def test_what_moves_is_always_asked_for_again(tree: Path) -> None:
    for path in (ROOT_INDEX, "stream/volatile/x86_64/stone.index"):
        response = get(path)
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.body == (tree / path).read_bytes()
        again = get(path, if_none_match=response.headers["ETag"])
        assert (again.status, again.body) == (304, b"")
    bring_in([make_stone(tree.parent.parent / "stones", make_meta("zlib"))], at=later(2))
    assert get(ROOT_INDEX, if_none_match=response.headers["ETag"]).status == 200


def test_the_root_index_is_served_compressed_to_those_who_take_it(tree: Path) -> None:
    plain = (tree / ROOT_INDEX).read_bytes()
    response = get(ROOT_INDEX, accept_encoding="gzip, zstd;q=0.5")
    assert response.headers["Content-Encoding"] == "zstd"
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert zstd.decompress(response.body) == plain
    for refusing in ("gzip", "zstd;q=0", "zstd;q=0.0", ""):
        response = get(ROOT_INDEX, accept_encoding=refusing)
        assert "Content-Encoding" not in response.headers
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.body == plain
    assert get(f"{ROOT_INDEX}.zst").status == 404


@pytest.mark.parametrize(
    ("asked", "part", "content_range"),
    [
        ("bytes=0-9", slice(0, 10), "bytes 0-9/{}"),
        ("bytes=100-", slice(100, None), "bytes 100-{last}/{}"),
        ("bytes=-5", slice(-5, None), "bytes {tail}-{last}/{}"),
        ("bytes=10-999999", slice(10, None), "bytes 10-{last}/{}"),
    ],
)
def test_a_range_is_a_part(tree: Path, stone: str, asked: str, part: slice, content_range: str) -> None:
    data = (tree / stone).read_bytes()
    response = get(stone, range=asked)
    assert response.status == 206
    assert response.body == data[part]
    assert response.headers["Content-Length"] == str(len(data[part]))
    assert response.headers["Content-Range"] == content_range.format(len(data), last=len(data) - 1, tail=len(data) - 5)


@pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=5-4", "bytes=-0"])
def test_a_range_that_is_not_there_is_said_so(tree: Path, stone: str, asked: str) -> None:
    response = get(stone, range=asked)
    assert response.status == 416
    assert response.headers["Content-Range"] == f"bytes */{(tree / stone).stat().st_size}"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=-", "items=0-1", "bytes=a-b", "nonsense"])
def test_a_range_that_is_not_understood_is_ignored(tree: Path, stone: str, asked: str) -> None:
    response = get(stone, range=asked)
    assert (response.status, response.body) == (200, (tree / stone).read_bytes())


def test_a_range_of_a_file_that_has_changed_is_the_whole_file(stone: str) -> None:
    tag = get(stone).headers["ETag"]
    assert get(stone, range="bytes=0-9", if_range=tag).status == 206
    assert get(stone, range="bytes=0-9", if_range='"other"').status == 200


def test_head_says_the_same_without_the_body(stone: str) -> None:
    response = Client().head(f"/repository/main/{stone}")
    close(response)
    assert response.status_code == 200
    assert response["Content-Length"] == str(Stone.objects.get().size)


@pytest.mark.parametrize(
    "path",
    [
        "../../secrets/django",
        "..%2f..%2fsecrets/django",
        "pool/v0/n/../../../../secret.stone",
        "pool/v0/n/nano/..",
        "pool/v0/n/nano/",
        "pool/v0/n/nano",
        "pool",
        "",
        ".current/moss-root-index.json",
        ".generations",
        "history/1767225601",
        "history/1767225601/x86_64",
        "history/9/x86_64/stone.index",
        "history/../stream/volatile/x86_64/stone.index",
        "stream/other/x86_64/stone.index",
        "pool/v0/n/nano/x.stone\0",
        "pool/v0/n/nano/x.stone\n",
        "pool/v0/n/nano/secret.stone",
    ],
)
def test_nothing_else_is_served(tree: Path, path: str) -> None:
    secret = tree.parent / "secret.stone"
    secret.write_text("secret")
    (tree / "pool/v0/n/nano/secret.stone").symlink_to(secret)
    assert get(path).status in {404, 301}
    assert get(path, range="bytes=0-1").status in {404, 301}


@pytest.mark.parametrize("channel", ["other", "..", ".", "main%2f..", "imports"])
def test_no_other_directory_is_a_channel(tree: Path, channel: str) -> None:
    assert tree.exists()
    assert Client().get(f"/repository/{channel}/{ROOT_INDEX}").status_code == 404


def test_only_reading_is_allowed(tree: Path) -> None:
    assert tree.exists()
    assert Client().post(f"/repository/main/{ROOT_INDEX}").status_code == 405
