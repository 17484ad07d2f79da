"""Dependency layers: the unpacked packages of a build root's dependencies, kept by what they consist of.

Two builds with the same dependencies share one directory, read-only under the overlay. A lock says that it is in use;
what was used longest ago goes when there are too many bytes.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

LIMIT = 16 * 2**30


class Layers:
    """The layers below one directory, shared by all slots of a machine."""

    def __init__(self, directory: Path, *, limit: int = LIMIT) -> None:
        self._directory = directory
        self._limit = limit

    @contextmanager
    def holding(self, hashes: Sequence[str], fill: Callable[[Path], None]) -> Iterator[Path]:
        """Gives the `usr` directory made of the stones with these hashes, and keeps it while in use.

        `fill` unpacks them into an empty directory; it is called only when the layer is not there yet.
        """
        key = hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
        self._directory.mkdir(parents=True, exist_ok=True)
        layer, lock_path = self._directory / key, self._directory / f"{key}.lock"
        with lock_path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            while not (layer / "usr").is_dir():
                # The second of two equal builds waits here for the first to unpack, and then finds the layer.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not (layer / "usr").is_dir():
                    self._make(layer, fill)
                fcntl.flock(lock, fcntl.LOCK_SH)
            os.utime(layer)
            self.prune()
            yield layer / "usr"

    def _make(self, layer: Path, fill: Callable[[Path], None]) -> None:
        fresh = self._directory / f".{layer.name}.{uuid4().hex}"
        try:
            usr = fresh / "usr"
            usr.mkdir(parents=True)
            fill(usr)
            (fresh / "size").write_text(str(_size(usr)))
            fresh.rename(layer)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def prune(self) -> None:
        """Removes layers that nobody uses, oldest first, until the rest fits the limit."""
        sizes = {path.parent: int(path.read_text() or 0) for path in self._directory.glob("[0-9a-f]*/size")}
        total = sum(sizes.values())
        for layer in sorted(sizes, key=lambda path: path.stat().st_mtime):
            if total <= self._limit:
                return
            with layer.with_name(f"{layer.name}.lock").open("a") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                shutil.rmtree(layer, ignore_errors=True)
                total -= sizes[layer]


def _size(directory: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in directory.rglob("*"))
