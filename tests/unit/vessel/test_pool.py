"""The write-once pool, and durable writes."""

import errno
import tempfile
from pathlib import Path

import pytest

from vessel import disk, pool


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"one")
    return path


def test_a_stone_is_stored_readable_and_whole(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "pool" / "v0" / "n" / "nano.stone"
    pool.store(source, target, sha256=pool.hash_file(source))
    assert target.read_bytes() == b"one"
    assert target.stat().st_mode & 0o777 == 0o644
    source.unlink()
    assert target.stat().st_nlink == 1
    assert list(target.parent.iterdir()) == [target]


def test_a_stone_is_copied_from_another_filesystem(tmp_path: Path) -> None:
    shared_memory = Path("/dev/shm")  # noqa: S108 - where another filesystem is at hand
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second filesystem at hand")
    with tempfile.NamedTemporaryFile(dir=shared_memory) as source:
        source.write(b"one")
        source.flush()
        pool.store(Path(source.name), tmp_path / "nano.stone", sha256=pool.hash_file(Path(source.name)))
    assert (tmp_path / "nano.stone").read_bytes() == b"one"


def test_storing_the_same_again_leaves_the_file_alone(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "nano.stone"
    sha256 = pool.hash_file(source)
    pool.store(source, target, sha256=sha256)
    inode = target.stat().st_ino
    pool.store(source, target, sha256=sha256)
    assert target.stat().st_ino == inode


def test_another_file_of_that_name_is_never_written_over(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "nano.stone"
    target.write_bytes(b"the first")
    with pytest.raises(pool.PoolConflict, match="in the pool has"):
        pool.store(source, target, sha256=pool.hash_file(source))
    assert target.read_bytes() == b"the first"


def test_a_source_that_is_not_what_it_should_be_does_not_appear(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "pool" / "nano.stone"
    with pytest.raises(pool.PoolConflict):
        pool.store(source, target, sha256="0" * 64)
    assert not any(target.parent.iterdir())


def test_a_fallback_path_keeps_the_file_name() -> None:
    assert pool.fallback_path("pool/v0/n/nano/nano.stone", "ab" * 32) == f"pool/v0/n/nano/{'ab' * 8}/nano.stone"


def test_a_file_that_fails_half_way_does_not_appear(tmp_path: Path) -> None:
    def fail(_output: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        disk.write_file(tmp_path / "index", fail)
    assert not any(tmp_path.iterdir())


def test_a_symlink_is_switched_without_a_moment_of_absence(tmp_path: Path) -> None:
    link = tmp_path / "current"
    disk.switch_symlink(link, "one")
    disk.switch_symlink(link, "two")
    assert link.readlink() == Path("two")
    assert list(tmp_path.iterdir()) == [link]


def test_removing_a_tree_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    disk.remove_tree(tmp_path / "absent")
    (tmp_path / "present" / "deep").mkdir(parents=True)
    disk.remove_tree(tmp_path / "present")
    assert not any(tmp_path.iterdir())
