"""Locks hold between threads and processes, and leave nothing behind."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vessel.locks import Busy, channel_lock, import_lock


def test_an_import_is_in_one_hand_and_leaves_no_file(public_dir: Path) -> None:
    with import_lock("one"):
        with pytest.raises(Busy), import_lock("one"):
            pass
        with import_lock("two"):
            pass
    with import_lock("one"):
        pass
    assert not any((public_dir.parent / "imports/locks").iterdir())


def test_a_process_that_dies_frees_its_lock(public_dir: Path) -> None:
    with import_lock("one"):
        (path,) = (public_dir.parent / "imports/locks").iterdir()
    script = f"import fcntl,sys; h=open({str(path)!r},'a'); fcntl.flock(h,2); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(Busy), import_lock("one"):
            pass
        holder.kill()
        holder.wait()
    with import_lock("one"):
        pass


def test_a_channel_has_one_publisher_at_a_time() -> None:
    inside = 0
    most = 0

    def publish() -> None:
        nonlocal inside, most
        for _ in range(50):
            with channel_lock("main"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_many_who_want_one_import_never_hold_it_together() -> None:
    inside: list[int] = []
    overlaps = 0
    done = 0

    def work() -> None:
        nonlocal overlaps, done
        for _ in range(200):
            try:
                with import_lock("one"):
                    inside.append(1)
                    overlaps += len(inside) > 1
                    inside.pop()
                    done += 1
            except Busy:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == 0
    assert done
