"""How much memory a command held at most, and how much of it the kernel killed for want of more.

What counts is what the kernel cannot take back: a control group's own peak includes the page cache, which grows until
the limit in any build that writes much, so the cache is taken off. Where no control group counts memory, the memory of
the process tree is summed up instead.
"""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from avalanche.agent.sandbox.cgroups import Group
from serpent_infra.wire.reports import MemoryMethod

_GROUP_SECONDS = 0.1  # between two looks at a group: three small files
_TREE_SECONDS = 0.5  # at a process tree, for which all processes of the machine are gone through


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """What a command took: `peak` in bytes, how it was measured, and how many of its processes the kernel killed."""

    peak: int
    method: MemoryMethod
    kills: int = 0


class _Source(Protocol):
    method: MemoryMethod
    pause: float

    def look(self) -> None: ...

    @property
    def peak(self) -> int: ...

    @property
    def kills(self) -> int: ...


class MemoryGauge:
    """Looks at a running command now and then, and a last time before its group is removed."""

    def __init__(self, group: Group, process: int) -> None:
        """Measures `group` where it counts memory, else the process of that id with all below it."""
        self._source = _source(group, process)
        self._looked_at = float("-inf")

    def tick(self) -> None:
        """Looks, if the latest look is long enough ago; cheap enough for every turn of a loop."""
        if time.monotonic() - self._looked_at >= self._source.pause:
            self._source.look()
            self._looked_at = time.monotonic()

    def finish(self) -> MemoryUse:
        """Looks a last time and gives what was seen."""
        self._source.look()
        return MemoryUse(peak=self._source.peak, method=self._source.method, kills=self._source.kills)


class _Counted:
    """A control group that counts memory, in the files of either version."""

    pause = _GROUP_SECONDS

    def __init__(self, directory: Path, *, method: MemoryMethod) -> None:
        self.method = method
        is_first = method is MemoryMethod.CGROUP_V1
        self._stat = directory / "memory.stat"
        self._now = directory / ("memory.usage_in_bytes" if is_first else "memory.current")
        self._highest = directory / ("memory.max_usage_in_bytes" if is_first else "memory.peak")
        self._events = directory / ("memory.oom_control" if is_first else "memory.events")
        self._cached, self._shared = ("total_cache", "total_shmem") if is_first else ("file", "shmem")
        self._held = 0  # the most that was seen held
        self._cache = 0  # the most that was seen cached
        self._counted = 0  # the kernel's own peak, cache included

    def look(self) -> None:
        """Reads the group; one that is gone, or whose kernel lacks a file, tells no more."""
        facts = _facts(self._stat)
        # Files in memory are counted as cache, but cannot be taken back.
        cache = facts.get(self._cached, 0) - facts.get(self._shared, 0) + facts.get("slab_reclaimable", 0)
        self._cache = max(self._cache, cache)
        self._held = max(self._held, _number(self._now) - cache)
        self._counted = max(self._counted, _number(self._highest))

    @property
    def peak(self) -> int:
        """The most that was seen; and no less than what the kernel counted, but for the most cache that was seen."""
        return max(self._held, self._counted - self._cache, 0)

    @property
    def kills(self) -> int:
        """How many processes of the group the kernel killed, so as to have memory."""
        return _facts(self._events).get("oom_kill", 0)


class _Tree:
    """A process and all below it, where nothing counts for us: what each holds that no file backs."""

    method = MemoryMethod.PROCESSES
    pause = _TREE_SECONDS
    kills = 0  # nobody tells

    def __init__(self, process: int) -> None:
        self._process = process
        self.peak = 0

    def look(self) -> None:
        """Adds up what lives now. Memory that a fork shares with its parent counts for both until either writes."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._process)
            self.peak = max(self.peak, sum(_resident(one) for one in [root, *root.children(recursive=True)]))


def _source(group: Group, process: int) -> _Source:
    unified, first = group.directories.get(""), group.directories.get("memory")
    if unified is not None and (unified / "memory.current").exists():
        return _Counted(unified, method=MemoryMethod.CGROUP)
    if first is not None:
        return _Counted(first, method=MemoryMethod.CGROUP_V1)
    return _Tree(process)


def _resident(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0
    return max(0, int(memory.rss) - int(memory.shared))


def _facts(path: Path) -> dict[str, int]:
    """Reads lines of a name and a number."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = [line.split() for line in lines]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}  # noqa: PLR2004 - a pair


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
