"""What is left of a mirror after kills and bad disks, and servers that never answer: nothing sticks, nothing hangs."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serpent_infra.git import GitError, Mirror, MirrorBroken
from tests.factories.summit import GitTree, recipe_text

TIMEOUT = 60.0


@pytest.fixture
def tree(tmp_path: Path) -> GitTree:
    tree = GitTree(tmp_path / "origin")
    for number in range(20):
        tree.write(f"p/p{number}/stone.yaml", recipe_text(f"p{number}"))
    tree.commit("Begin")
    return tree


@pytest.fixture
def mirror(tree: GitTree, tmp_path: Path) -> Mirror:
    mirror = Mirror.under(tmp_path / "mirrors", str(tree.path))
    mirror.fetch(timeout=TIMEOUT)
    return mirror


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A git server that accepts and never says a word; gives the address of a repository on it."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"git://127.0.0.1:{server.getsockname()[1]}/recipes.git"
        server.shutdown(socket.SHUT_RDWR)
    for connection in taken:
        connection.close()


def test_locks_that_a_killed_git_left_are_cleared_without_a_new_clone(tree: GitTree, mirror: Mirror) -> None:
    before = mirror.path.stat().st_ino
    leftovers = [
        *("HEAD.lock", "packed-refs.lock", "config.lock", "gc.pid"),
        *("refs/heads/main.lock", "objects/pack/tmp_pack_Xa1", "objects/info/commit-graphs/commit-graph-chain.lock"),
    ]
    for name in leftovers:
        (mirror.path / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror.path / name).touch()
    new = tree.commit("More")
    mirror.fetch(timeout=TIMEOUT)
    assert mirror.resolve("main") == new
    assert mirror.path.stat().st_ino == before
    assert [name for name in leftovers if (mirror.path / name).exists()] == []


def test_a_truncated_pack_is_noticed_and_healed(mirror: Mirror) -> None:
    head = mirror.resolve("main")
    [pack] = (mirror.path / "objects/pack").glob("*.pack")
    pack.chmod(0o644)
    with pack.open("r+b") as file:
        file.truncate(pack.stat().st_size // 2)
    damaged = Mirror(mirror.path, mirror.origin_uri)
    with pytest.raises(MirrorBroken):
        [damaged.blob_data(entry.blob) for entry in damaged.recipes(head)]
    damaged.heal(timeout=TIMEOUT)
    assert [damaged.blob_data(entry.blob)[:6] for entry in damaged.recipes(head)] == [b"name: "] * 20


def test_garbage_in_a_pack_is_noticed_and_healed(mirror: Mirror) -> None:
    head = mirror.resolve("main")
    [pack] = (mirror.path / "objects/pack").glob("*.pack")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[40:-20] = b"\xa5" * (len(data) - 60)
    pack.write_bytes(data)
    damaged = Mirror(mirror.path, mirror.origin_uri)
    with pytest.raises(GitError):
        [damaged.blob_data(entry.blob) for entry in damaged.recipes(head)]
    damaged.fetch(timeout=TIMEOUT)
    assert len(damaged.recipes(head)) == 20


def test_an_origin_that_is_away_leaves_a_damaged_mirror_for_later(tree: GitTree, mirror: Mirror) -> None:
    tree.path.rename(tree.path.with_name("away"))
    with pytest.raises(GitError, match="does not exist"):
        mirror.heal(timeout=TIMEOUT)
    assert len(mirror.recipes(mirror.resolve("main"))) == 20


def test_a_server_that_never_answers_is_given_up_in_time(silent_server: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(GitError, match="took longer than"):
        Mirror.under(tmp_path / "mirrors", silent_server).fetch(timeout=0.5)
    assert time.monotonic() - began < 15
    assert list((tmp_path / "mirrors").glob("*.aside")) == []


def test_a_server_that_never_answers_holds_up_no_other_mirror(
    silent_server: str, tree: GitTree, tmp_path: Path
) -> None:
    hanging = Mirror.under(tmp_path / "mirrors", silent_server)
    errors: list[str] = []

    def hang() -> None:
        try:
            hanging.fetch(timeout=8)
        except GitError as error:
            errors.append(str(error))

    thread = threading.Thread(target=hang)
    thread.start()
    other = Mirror.under(tmp_path / "mirrors", str(tree.path))
    other.fetch(timeout=TIMEOUT)
    assert thread.is_alive(), "the other was fetched while this one hangs"
    thread.join()
    assert len(errors) == 1
    assert other.resolve("main")


def test_a_killed_process_takes_its_git_along_and_leaves_nothing_that_stops_the_next(
    silent_server: str, tree: GitTree, mirror: Mirror, tmp_path: Path
) -> None:
    # The mirror of a good origin, whose address hangs for one process: that one dies in the middle of its fetch.
    script = (
        "import sys; from pathlib import Path; from serpent_infra.git import Mirror\n"
        "Mirror(Path(sys.argv[1]), sys.argv[2]).fetch(timeout=60)\n"
    )
    fetching = subprocess.Popen([sys.executable, "-c", script, str(mirror.path), silent_server])
    try:
        children = _wait_for_children(fetching.pid)
        fetching.kill()
        fetching.wait(10)
        deadline = time.monotonic() + 10
        while any(map(_is_alive, children)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [pid for pid in children if _is_alive(pid)] == []
    finally:
        fetching.kill()
        fetching.wait(10)
    new = tree.commit("More")
    mirror.fetch(timeout=TIMEOUT)
    assert mirror.resolve("main") == new
    assert tmp_path.exists()


def test_a_clone_that_was_killed_half_way_is_begun_again(silent_server: str, tree: GitTree, tmp_path: Path) -> None:
    mirror = Mirror.under(tmp_path / "mirrors", str(tree.path))
    half = mirror.path.with_name(f".{mirror.path.name}.dead.aside")
    subprocess.run(["git", "init", "--quiet", "--bare", str(half)], check=True)
    (half / "objects/pack/tmp_pack_1").write_bytes(b"PACK")
    mirror.fetch(timeout=TIMEOUT)
    assert (len(mirror.recipes(mirror.resolve("main"))), half.exists()) == (20, False)
    assert silent_server


def _wait_for_children(pid: int) -> list[int]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = _children(pid)
        if found:
            time.sleep(0.3)  # git has begun to listen to the server by then
            return _children(pid) or found
        time.sleep(0.05)
    raise AssertionError("the process never started git")


def _children(pid: int) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(place.parent.name)
            found += [child, *_children(child)]
    return found


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
