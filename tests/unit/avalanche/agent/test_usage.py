"""What an attempt takes: the arithmetic of control groups, the process tree for real, and the disk for real."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from avalanche.agent import usage
from avalanche.agent.sandbox.cgroups import Group
from avalanche.agent.sandbox.memory import MemoryGauge, MemoryUse
from avalanche.agent.sandbox.protocol import BuildRoot, Command, Ending, Output, Stop, never
from avalanche.agent.usage import DiskGauge, Measured, taken
from serpent_infra.wire.reports import MemoryMethod

MIB = 2**20


def tell(
    directory: Path, *, now: int, peak: int | None, file: int, shmem: int = 0, slab: int = 0, kills: int = 0
) -> None:
    """Writes the files of a control group of version 2, in MiB."""
    directory.mkdir(exist_ok=True)
    (directory / "memory.current").write_text(f"{now * MIB}\n")
    if peak is not None:
        (directory / "memory.peak").write_text(f"{peak * MIB}\n")
    facts = {"anon": now - file, "file": file, "shmem": shmem, "slab_reclaimable": slab, "slab_unreclaimable": 0}
    (directory / "memory.stat").write_text("".join(f"{name} {size * MIB}\n" for name, size in facts.items()))
    (directory / "memory.events").write_text(f"low 0\nhigh 0\nmax 7\noom {kills}\noom_kill {kills}\noom_group_kill 0\n")


def gauge_of(directory: Path) -> MemoryGauge:
    return MemoryGauge(Group({"": directory}), process=1)


def test_the_cache_of_a_group_does_not_count(tmp_path: Path) -> None:
    tell(tmp_path / "group", now=1000, peak=1000, file=900)

    assert gauge_of(tmp_path / "group").finish() == MemoryUse(peak=100 * MIB, method=MemoryMethod.CGROUP)


def test_a_group_that_counts_no_memory_leaves_it_to_the_process_tree(tmp_path: Path) -> None:
    (tmp_path / "group").mkdir()

    assert gauge_of(tmp_path / "group").finish().method is MemoryMethod.PROCESSES


def test_files_in_memory_count_because_the_kernel_cannot_take_them_back(tmp_path: Path) -> None:
    tell(tmp_path / "group", now=1000, peak=1000, file=900, shmem=300, slab=50)

    assert gauge_of(tmp_path / "group").finish().peak == 350 * MIB


def test_a_peak_between_two_looks_is_what_the_kernel_saw_but_for_the_most_cache(tmp_path: Path) -> None:
    tell(tmp_path / "group", now=50, peak=50, file=10)
    gauge = gauge_of(tmp_path / "group")
    gauge.tick()
    tell(tmp_path / "group", now=60, peak=2000, file=30)

    assert gauge.finish().peak == 1970 * MIB


def test_a_peak_that_was_looked_at_stays_although_the_cache_grew_later(tmp_path: Path) -> None:
    tell(tmp_path / "group", now=800, peak=800, file=0)
    gauge = gauge_of(tmp_path / "group")
    gauge.tick()
    tell(tmp_path / "group", now=900, peak=900, file=890)

    assert gauge.finish().peak == 800 * MIB


def test_a_kernel_without_a_peak_is_looked_at_all_the_same(tmp_path: Path) -> None:
    tell(tmp_path / "group", now=300, peak=None, file=100)

    assert gauge_of(tmp_path / "group").finish().peak == 200 * MIB


def test_what_the_kernel_killed_is_counted(tmp_path: Path) -> None:
    tell(tmp_path / "group", now=64, peak=64, file=0, kills=3)

    use = gauge_of(tmp_path / "group").finish()

    assert use.kills == 3
    assert Ending(status=2, memory=use).lacked_memory
    assert not Ending(status=0, memory=use).lacked_memory  # it got over it
    assert not Ending(status=2).lacked_memory


def test_a_group_that_is_gone_tells_what_it_told(tmp_path: Path) -> None:
    tell(tmp_path / "group", now=100, peak=100, file=0)
    gauge = gauge_of(tmp_path / "group")
    gauge.tick()
    for path in (tmp_path / "group").iterdir():
        path.unlink()

    assert gauge.finish().peak == 100 * MIB


def test_without_a_group_the_process_tree_is_summed_up() -> None:
    holds = "import sys; held = b'x' * (80 * 2**20); print('held', flush=True); sys.stdin.read()"
    script = f'{sys.executable} -c "{holds}" & {sys.executable} -c "{holds}"; wait'
    with subprocess.Popen(["bash", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        # The shell gives what it starts in the background an empty input; only the other one waits for us.
        gauge = MemoryGauge(Group({}), process.pid)
        process.stdout.readline()
        process.stdout.readline()
        gauge.tick()
        use = gauge.finish()
        process.communicate("")

    assert use.method is MemoryMethod.PROCESSES
    assert 80 * MIB <= use.peak < 260 * MIB


def test_a_process_that_is_gone_holds_nothing() -> None:
    process = subprocess.Popen(["true"])
    process.wait()

    assert MemoryGauge(Group({}), process.pid).finish() == MemoryUse(peak=0, method=MemoryMethod.PROCESSES)


class Sequenced:
    """A sandbox whose commands take what it is told."""

    isolation = "none"

    def __init__(self, *peaks: int | None) -> None:
        self.peaks = list(peaks)

    def run(self, root: BuildRoot, command: Command, *, on_output: Output, stop: Stop = never) -> Ending:
        del root, command, on_output, stop
        peak = self.peaks.pop(0)
        memory = None if peak is None else MemoryUse(peak=peak, method=MemoryMethod.CGROUP)
        return Ending(status=0, memory=memory)


def test_of_several_commands_the_most_demanding_counts(tmp_path: Path) -> None:
    measured = Measured(Sequenced(None, 3, 7, 5))
    assert measured.memory is None
    root = BuildRoot(directory=tmp_path, lower=(), upper=tmp_path, scratch=tmp_path, channel=tmp_path)

    for _ in range(4):
        measured.run(root, Command(argv=["true"]), on_output=lambda _: None)

    assert measured.memory == MemoryUse(peak=7, method=MemoryMethod.CGROUP)


# Disk


def test_a_tree_takes_its_blocks_and_a_file_of_two_names_once(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (8 * MIB))
    (tmp_path / "same").hardlink_to(tmp_path / "big")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(2**40)  # takes next to nothing
    (tmp_path / "away").symlink_to("/usr")

    found = taken(tmp_path, patience=10)

    assert found is not None
    assert 8 * MIB <= found < 9 * MIB


def test_a_tree_deeper_than_a_path_may_be_long_is_summed_up(tmp_path: Path) -> None:
    deep = "for i in $(seq 500); do mkdir -p directory-of-a-long-name && cd directory-of-a-long-name; done; "
    subprocess.run(["bash", "-c", f"{deep} head -c {4 * MIB} /dev/zero > big"], cwd=tmp_path, check=True)
    try:
        assert (taken(tmp_path, patience=10) or 0) >= 4 * MIB
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "directory-of-a-long-name")], check=True)


def test_what_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert taken(tmp_path / "missing", patience=10) is None


def test_a_look_that_takes_too_long_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert taken(tmp_path, patience=0) is None
    assert "could not be measured" in caplog.text


def test_the_gauge_remembers_what_is_gone_by_the_end(tmp_path: Path) -> None:
    gauge = DiskGauge(tmp_path, pause=0.01)
    (tmp_path / "big").write_bytes(b"x" * (8 * MIB))
    gauge.start()
    deadline = time.monotonic() + 10
    while (gauge.peak or 0) < 8 * MIB and time.monotonic() < deadline:
        time.sleep(0.01)
    (tmp_path / "big").unlink()

    assert (gauge.finish() or 0) >= 8 * MIB


def test_the_gauge_looks_at_the_end_also_where_it_had_no_time_before(tmp_path: Path) -> None:
    gauge = DiskGauge(tmp_path)
    gauge.start()
    (tmp_path / "big").write_bytes(b"x" * (8 * MIB))

    assert (gauge.finish() or 0) >= 8 * MIB


def test_looks_are_rarer_the_longer_they_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def slow(directory: Path, *, patience: float) -> int:
        del directory, patience
        looks.append(time.monotonic())
        time.sleep(0.05)
        return 1

    monkeypatch.setattr(usage, "taken", slow)
    gauge = DiskGauge(tmp_path, pause=0.001)
    gauge.start()
    time.sleep(0.5)
    gauge.finish()

    assert len(looks) == 2  # one, then a pause of a second which the end cuts short with its own
