"""A group that systemd delegated, for real: its processes make way, so that builds' groups get controllers."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

PROJECT = Path(__file__).resolve().parents[4]
# Joins a group as a service's first process would, makes a build's group twice, and tells what came of it.
_SERVICE = """
import json, os, sys
from pathlib import Path
from avalanche.agent.sandbox import cgroups
unit, cgroups.CONTROLLERS = Path(sys.argv[1]), (sys.argv[2],)
(unit / "cgroup.procs").write_text(str(os.getpid()))
made = cgroups.Group.make("build")
again = cgroups.Group.make("build")
found = cgroups.Group.of("build").directories[""]
print(json.dumps({
    "made": [str(made.directories[""]), str(again.directories[""]), str(found)],
    "own": Path("/proc/self/cgroup").read_text().split("0::")[1].strip(),
    "children_have": (found / "cgroup.controllers").read_text().split(),
}))
again.remove()
"""


def unified() -> tuple[Path, str]:
    """Gives the root of version 2's hierarchy with a controller in it, or skips."""
    if os.geteuid() != 0:
        pytest.skip("control groups are made as root")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if right.startswith("cgroup2 "):
            root = Path(left.split()[4])
            controllers = (root / "cgroup.controllers").read_text().split()
            if not controllers or not os.access(root / "cgroup.subtree_control", os.W_OK):
                pytest.skip("version 2 of control groups has no controller here")
            return root, controllers[0]
    pytest.skip("version 2 of control groups is not mounted here")


@pytest.fixture
def unit() -> Iterator[tuple[Path, str]]:
    root, controller = unified()
    had = controller in (root / "cgroup.subtree_control").read_text().split()
    directory = root / f"serpent-test-{uuid4().hex[:8]}"
    (root / "cgroup.subtree_control").write_text(f"+{controller}")
    directory.mkdir()
    yield directory, controller
    for path in (directory / "build", directory / "agent", directory):
        with contextlib.suppress(FileNotFoundError):
            path.rmdir()
    if not had:
        (root / "cgroup.subtree_control").write_text(f"-{controller}")


def serve(unit: Path, controller: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", _SERVICE, str(unit), controller],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_processes_of_a_delegated_group_make_way(unit: tuple[Path, str]) -> None:
    directory, controller = unit
    os.setxattr(directory, "trusted.delegate", b"1")

    told = serve(directory, controller)

    assert told["made"] == [str(directory / "build")] * 3
    assert str(told["own"]).endswith(f"{directory.name}/agent")
    assert told["children_have"] == [controller]


def test_those_of_a_group_that_is_not_ours_stay(unit: tuple[Path, str]) -> None:
    directory, controller = unit

    told = serve(directory, controller)

    assert told["made"] == [str(directory / "build")] * 3
    assert str(told["own"]).endswith(directory.name)
    assert told["children_have"] == []  # a group with processes has none to give
