"""What builds take, measured for real: commands and recipes that hold a known amount of memory and disk."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from avalanche.agent import buildroot
from avalanche.agent.configuration import Configuration
from avalanche.agent.sandbox.bubblewrap import Bubblewrap
from avalanche.agent.sandbox.cgroups import Group
from avalanche.agent.sandbox.nspawn import Nspawn
from avalanche.agent.sandbox.protocol import Command, Ending, Sandbox
from avalanche.agent.slot import Slot
from serpent_infra.wire.builders import SlotInfo
from serpent_infra.wire.reports import BuildReport, FailureKind, MemoryMethod, Outcome
from tests.fakes.hub import FakeHub
from tests.integration.avalanche.agent.bench import BASE, groups_left, make_sandbox
from tests.integration.avalanche.agent.test_slot import git, make_order

pytestmark = pytest.mark.nspawn
MIB = 2**20
KINDS = {"nspawn": Nspawn, "bubblewrap": Bubblewrap}
HEAD = "version: '1'\nrelease: 1\nhomepage: https://example.org\nlicense: MPL-2.0\nsummary: s\ndescription: d\n"
# Written page by page, so that the memory is really there, and held for as long as several looks.
HOLD = "python3 -c 'import time; held = b\"x\" * ({size} * 2**20); time.sleep(0.3)'"


@pytest.fixture(params=["nspawn", "bubblewrap"])
def kind(request: pytest.FixtureRequest, group: str) -> str:
    make_sandbox(request.param, group)  # skips where it cannot run
    return str(request.param)


def run(sandbox: Sandbox, place: Path, script: str) -> Ending:
    root = buildroot.assemble(place, base=BASE, dependencies=None, has_network=False)
    command = Command(argv=["/usr/bin/bash", "-c", script], environment={"PATH": "/usr/bin"})
    return sandbox.run(root, command, on_output=lambda _: None)


def test_a_command_is_said_to_have_held_what_it_held(kind: str, group: str, tmp_path: Path) -> None:
    ending = run(KINDS[kind](group=group), tmp_path / "place", HOLD.format(size=200))

    assert ending.is_success
    assert ending.memory is not None
    assert 200 * MIB <= ending.memory.peak < 240 * MIB
    assert ending.memory.kills == 0
    assert groups_left(group) == []


def test_what_it_wrote_to_files_does_not_count(kind: str, group: str, tmp_path: Path) -> None:
    write = "dd if=/dev/zero of=/mason/build/big bs=1M count=300 status=none"
    ending = run(KINDS[kind](group=group), tmp_path / "place", f"{write}; {HOLD.format(size=60)}")

    assert ending.memory is not None
    if ending.memory.method is MemoryMethod.PROCESSES:
        pytest.skip("no control group counts memory here")
    assert 60 * MIB <= ending.memory.peak < 200 * MIB


def test_a_command_that_the_kernel_killed_part_of_lacked_memory(kind: str, group: str, tmp_path: Path) -> None:
    sandbox = KINDS[kind](group=group, memory_limit=64 * MIB)
    ending = run(sandbox, tmp_path / "place", f"{HOLD.format(size=300)} || exit 3")

    assert ending.memory is not None
    if ending.memory.method is MemoryMethod.PROCESSES:
        pytest.skip("no control group limits memory here")
    assert (ending.status, ending.lacked_memory) == (3, True)
    assert 40 * MIB <= ending.memory.peak <= 64 * MIB


def test_where_no_group_can_be_had_the_tree_is_summed_up(
    kind: str, group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Group, "make", classmethod(lambda cls, _name, **_limits: cls({})))  # as for a user without root

    ending = run(KINDS[kind](group=group), tmp_path / "place", HOLD.format(size=200).replace("0.3", "1.2"))

    assert ending.memory is not None
    assert ending.memory.method is MemoryMethod.PROCESSES
    assert 200 * MIB <= ending.memory.peak < 260 * MIB


# From a recipe to the report


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A git repository with a recipe that holds 150 MiB of memory, and 90 MiB of disk of which it drops 80."""
    directory = tmp_path / "collection"
    steps = (
        HOLD.format(size=150),
        "dd if=/dev/zero of=scratch bs=1M count=80 status=none",
        "sleep 1.5",
        "rm scratch",
        'mkdir -p "%(installroot)/usr/share/hungry"',
        'dd if=/dev/urandom of="%(installroot)/usr/share/hungry/data" bs=1M count=10 status=none',
    )
    (directory / "hungry").mkdir(parents=True)
    (directory / "hungry" / "stone.yaml").write_text(
        f"name: hungry\n{HEAD}install: |\n" + "".join(f"    {step}\n" for step in steps)
    )
    git(directory, "init", "-q", "-b", "main")
    git(directory, "add", ".")
    git(directory, "commit", "-qm", "Collect")
    return directory


@pytest.fixture
def slot(tmp_path: Path, group: str) -> Iterator[Slot]:
    make_sandbox("nspawn", group)
    hub = FakeHub()
    configuration = Configuration(
        builder_dir=tmp_path / "builder",
        base_image=Path("/"),
        wanted_sandbox="nspawn",
        wanted_tool="builtin",
        source_cache="",
        minimum_free=0,
        lease_seconds=45,
        git_timeout=30,
    )
    yield Slot(info=SlotInfo(index=0, cpus=(0,), memory_limit=0), configuration=configuration, connect=lambda: hub)
    assert groups_left(configuration.group_name(0)) == []


def build(slot: Slot, collection: Path) -> BuildReport:
    hub = slot.connect()
    assert isinstance(hub, FakeHub)
    hub.order = make_order(collection, "hungry", version="1")
    slot.run(hub.order.attempt)
    (report,) = hub.reports
    return report


def test_a_build_reports_the_most_that_it_held(slot: Slot, collection: Path) -> None:
    report = build(slot, collection)

    assert report.outcome is Outcome.SUCCEEDED, report.failure
    assert report.memory_peak is not None
    assert 150 * MIB <= report.memory_peak < 200 * MIB
    assert report.memory_method is not None
    assert report.disk_peak is not None
    assert 80 * MIB <= report.disk_peak < 110 * MIB


def test_a_build_in_too_small_a_slot_says_what_it_lacked(slot: Slot, collection: Path) -> None:
    small = replace(slot, info=SlotInfo(index=0, cpus=(0,), memory_limit=64 * MIB))
    report = build(small, collection)

    if report.memory_method is MemoryMethod.PROCESSES:
        pytest.skip("no control group limits memory here")
    assert report.failure is not None
    assert report.failure.kind is FailureKind.OUT_OF_MEMORY
    assert "ran out of memory" in report.failure.message
    assert report.memory_peak is not None
    assert report.memory_peak <= 64 * MIB
    assert report.disk_peak is not None


def test_a_build_that_never_ran_a_command_took_no_memory(slot: Slot, collection: Path) -> None:
    hub = slot.connect()
    assert isinstance(hub, FakeHub)
    hub.order = make_order(collection, "missing", version="1")
    slot.run(hub.order.attempt)

    (report,) = hub.reports
    assert report.outcome is Outcome.FAILED
    assert (report.memory_peak, report.memory_method) == (None, None)
    assert report.disk_peak is not None
