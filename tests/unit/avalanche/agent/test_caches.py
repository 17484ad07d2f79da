"""Files by hash, and layers by what they consist of."""

import fcntl
import hashlib
import os
from pathlib import Path

import pytest

from avalanche.agent.tools.builtin.download import DownloadFailed, FileCache, WrongHash
from avalanche.agent.tools.builtin.layers import Layers


def nothing() -> None:
    """Has no reason to stop."""


def stored(directory: Path, content: bytes) -> tuple[str, str]:
    path = directory / f"origin-{len(content)}"
    path.write_bytes(content)
    return path.as_uri(), hashlib.sha256(content).hexdigest()


def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    uri, digest = stored(tmp_path, b"content")
    cache = FileCache(tmp_path / "cache", limit=100)
    cache.get(uri, digest, check=nothing)
    (tmp_path / "origin-7").unlink()

    assert cache.get(uri, digest, check=nothing).read_bytes() == b"content"


def test_a_file_with_another_hash_is_refused_and_not_kept(tmp_path: Path) -> None:
    uri, _ = stored(tmp_path, b"content")
    cache = FileCache(tmp_path / "cache", limit=100)

    with pytest.raises(WrongHash):
        cache.get(uri, "0" * 64, check=nothing)

    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("uri", ["ftp://example.org/x", "/etc/passwd", "file:///nowhere/at/all"])
def test_what_cannot_be_had_says_so(tmp_path: Path, uri: str) -> None:
    with pytest.raises(DownloadFailed, match=uri.replace("/", "/")):
        FileCache(tmp_path, limit=100).get(uri, "0" * 64, check=nothing)


def test_what_was_wanted_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "cache", limit=25)
    digests = []
    for number, size in enumerate((10, 11, 12)):
        uri, digest = stored(tmp_path, b"x" * size)
        cache.get(uri, digest, check=nothing)
        os.utime(cache.path(digest), (number, number))
        digests.append(digest)
    cache.prune()

    assert [cache.holds(digest) for digest in digests] == [False, True, True]


def test_a_layer_is_filled_once_whatever_the_order_of_its_parts(tmp_path: Path) -> None:
    layers = Layers(tmp_path)
    filled = []

    def fill(usr: Path) -> None:
        filled.append(usr)
        (usr / "file").write_text("unpacked")

    with layers.holding(["a", "b"], fill) as first, layers.holding(["b", "a"], fill) as second:
        assert first == second
        assert (second / "file").read_text() == "unpacked"
    assert len(filled) == 1


def test_a_layer_that_could_not_be_filled_is_not_there(tmp_path: Path) -> None:
    def fail(usr: Path) -> None:
        (usr / "half").touch()
        raise OSError(28, "disk full")

    with pytest.raises(OSError, match="disk full"), Layers(tmp_path).holding(["a"], fail):
        pass

    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_layer_in_use_is_not_pruned(tmp_path: Path) -> None:
    layers = Layers(tmp_path, limit=0)

    def fill(usr: Path) -> None:
        (usr / "file").write_bytes(b"x" * 10_000)

    with layers.holding(["a"], fill) as held:
        with layers.holding(["b"], fill):
            pass
        assert (held / "file").exists()
        lock = next(path for path in tmp_path.glob("*.lock") if path.stem == held.parent.name)
        with lock.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    layers.prune()

    assert not held.exists()
