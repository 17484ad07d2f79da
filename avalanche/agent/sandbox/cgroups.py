"""The control group of one slot: its limits where the kernel lets us set them, and one stroke that kills all in it.

Version 2 gives the kill; memory, pids and cpuset come from version 2 or, where those still hold the controllers, from
version 1. What cannot be had (no root, no delegation) is left out: the PID namespace still dies with its first process.

In version 2 a group that holds processes cannot give its children controllers. Where this process's group was delegated
to it (by systemd, `Delegate=yes`), all that is in it moves into a leaf below, once.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MAXIMUM_PROCESSES = 16384
CONTROLLERS = ("memory", "pids", "cpuset")
LEAF = "agent"  # takes the processes of a delegated group
# Where hierarchies of version 1 hold them; nspawn mirrors its group into systemd's, which is to be left clean, too.
_HIERARCHIES = {"memory", "pids", "cpuset", "name=systemd"}
_MOVE_PATIENCE = 1.0  # seconds until a delegated group's processes have made way
_KILL_PATIENCE = 5.0  # seconds until what is being killed must be gone


def _mounted() -> Iterator[tuple[str, Path]]:
    """Yields each hierarchy's controller ("" for version 2) with this process's own directory in it."""
    own: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            own[controller] = path
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        mount_root, mount_point = left.split()[3:5]
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2":
            wanted = {""}
        elif kind == "cgroup":
            wanted = set(options.split(",")) & _HIERARCHIES
        else:
            continue
        for controller in wanted & own.keys():
            with contextlib.suppress(ValueError):
                place = Path(mount_point) / Path(own[controller]).relative_to(mount_root)
                is_leaf = controller == "" and place.name == LEAF and _is_delegated(place.parent)
                yield controller, place.parent if is_leaf else place


def _parents() -> dict[str, Path]:
    return {controller: path for controller, path in _mounted() if os.access(path, os.W_OK)}


def _is_delegated(directory: Path) -> bool:
    """Says whether systemd left a group to us; it says so in an attribute, which one depends on its version."""
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(directory, name) == b"1":
                return True
    return False


def _give_controllers(parent: Path) -> None:
    """Lets groups below `parent` have controllers; its own processes make way where it was delegated."""
    deadline = time.monotonic() + _MOVE_PATIENCE
    while _is_delegated(parent) and time.monotonic() < deadline:
        processes = (parent / "cgroup.procs").read_text().split()
        if not processes:
            break
        (parent / LEAF).mkdir(exist_ok=True)
        for process in processes:  # some fork meanwhile, and some end
            _write(parent / LEAF / "cgroup.procs", process)
    for controller in CONTROLLERS:
        _write(parent / "cgroup.subtree_control", f"+{controller}")


def _write(path: Path, text: str) -> bool:
    try:
        path.write_text(text)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Group:
    """The directories of one group, by controller; empty where this machine allows none."""

    directories: Mapping[str, Path]

    @classmethod
    def make(cls, name: str, *, memory_limit: int = 0, cpus: tuple[int, ...] = ()) -> "Group":
        """Makes the group afresh, killing what an earlier holder left in it; `memory_limit` in bytes, 0 for none."""
        cls.of(name).remove()
        made = {}
        for controller, parent in _parents().items():
            if controller == "":
                _give_controllers(parent)
            directory = parent / name
            try:
                directory.mkdir()
            except OSError:
                continue
            if _limit(controller, parent, directory, memory_limit, cpus):
                made[controller] = directory
            else:
                directory.rmdir()
        return cls(made)

    @classmethod
    def of(cls, name: str) -> "Group":
        """Finds the group of that name, whoever made it."""
        return cls({controller: path / name for controller, path in _parents().items() if (path / name).is_dir()})

    @property
    def entries(self) -> list[Path]:
        """The files into which a process writes its id in order to join."""
        return [directory / "cgroup.procs" for directory in self.directories.values()]

    def processes(self) -> set[int]:
        """Lists everything alive in the group, children's groups included."""
        found: set[int] = set()
        for directory in self.directories.values():
            for entry in directory.rglob("cgroup.procs"):
                with contextlib.suppress(OSError):
                    found.update(int(line) for line in entry.read_text().split())
        return found - {0}

    def kill(self) -> None:
        """Kills everything in the group, and returns when it is gone."""
        deadline = time.monotonic() + _KILL_PATIENCE
        while time.monotonic() < deadline:
            if (unified := self.directories.get("")) and _write(unified / "cgroup.kill", "1"):
                pass  # takes forks under way with it
            for process in self.processes():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGKILL)
            if not self.processes():
                return
            time.sleep(0.005)

    def remove(self) -> None:
        """Kills what is left and removes the directories."""
        if not self.directories:
            return
        self.kill()
        deadline = time.monotonic() + _KILL_PATIENCE
        for directory in self.directories.values():
            while directory.exists() and time.monotonic() < deadline:
                for below in sorted((path for path in directory.rglob("*") if path.is_dir()), reverse=True):
                    with contextlib.suppress(OSError):
                        below.rmdir()
                try:
                    directory.rmdir()
                except OSError:
                    time.sleep(0.01)  # a killed process leaves its group only when it has been reaped


def _limit(controller: str, parent: Path, directory: Path, memory_limit: int, cpus: tuple[int, ...]) -> bool:
    """Sets what the controller is for; says whether the group is worth keeping."""
    cpu_list = ",".join(str(cpu) for cpu in cpus)
    if controller == "":
        if memory_limit and _write(directory / "memory.max", str(memory_limit)):
            _write(directory / "memory.oom.group", "0")
        _write(directory / "pids.max", str(MAXIMUM_PROCESSES))
        if cpu_list:
            _write(directory / "cpuset.cpus", cpu_list)
        return True
    if controller == "name=systemd":
        return True
    if controller == "memory":  # without a limit it still counts what a build takes
        return not memory_limit or _write(directory / "memory.limit_in_bytes", str(memory_limit))
    if controller == "pids":
        return _write(directory / "pids.max", str(MAXIMUM_PROCESSES))
    # A cpuset of version 1 takes no process before both its sets are filled.
    with contextlib.suppress(OSError):
        memories = (parent / "cpuset.mems").read_text().strip()
        return (
            bool(cpu_list)
            and _write(directory / "cpuset.mems", memories)
            and _write(directory / "cpuset.cpus", cpu_list)
        )
    return False
