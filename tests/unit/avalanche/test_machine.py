"""What a machine says of itself."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avalanche.agent import machine
from avalanche.agent.sampler import Sampler
from serpent_infra.formats.script.macros import isa_levels

V2 = {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"}
V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
V3X = {"aes", "fsgsbase", "pclmulqdq", "rdrand"}
V4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


@pytest.mark.parametrize(
    ("flags", "highest"),
    [
        (set(), "x86_64"),
        (V3, "x86_64"),
        (V2, "x86_64-v2"),
        (V2 | V3, "x86_64-v3"),
        (V2 | V3 | V3X, "x86_64-v3x"),
        (V2 | V3 | V3X | V4, "x86_64-v4"),
        (V2 | V3 | V3X | V4 - {"avx512vl"}, "x86_64-v3x"),
    ],
)
def test_levels_are_reached_one_after_the_other(flags: set[str], highest: str) -> None:
    assert machine.isa_levels("x86_64", frozenset(flags))[-1] == highest


def test_a_processor_may_tell_every_level_that_can_be_built_for() -> None:
    assert set(isa_levels("x86_64")) <= set(machine.isa_levels("x86_64", frozenset(V2 | V3 | V3X | V4)))


def test_another_architecture_has_its_baseline() -> None:
    assert machine.isa_levels("aarch64", frozenset()) == ("aarch64",)


def test_a_processor_is_read_from_the_kernels_text() -> None:
    text = "processor\t: 0\nmodel name\t: Example 4000\nflags\t\t: fpu aes\n\nprocessor\t: 1\nflags\t\t: other\n"
    assert machine.processor(text) == ("Example 4000", frozenset({"fpu", "aes"}))


@given(count=st.integers(1, 40), cpus=st.sets(st.integers(0, 255), min_size=1), memory=st.integers(0, 2**45))
def test_slots_share_all_processors_and_no_more_memory_than_there_is(count: int, cpus: set[int], memory: int) -> None:
    slots = machine.divide(count=count, cpus=cpus, memory_total=memory)
    assert [slot.index for slot in slots] == list(range(count))
    assert all(slot.cpus for slot in slots)
    assert {cpu for slot in slots for cpu in slot.cpus} <= cpus
    if count <= len(cpus):
        assert sorted(cpu for slot in slots for cpu in slot.cpus) == sorted(cpus)
    assert sum(slot.memory_limit for slot in slots) <= memory


def test_this_machine_can_be_described_and_measured(tmp_path: Path) -> None:
    host = machine.describe(directory=tmp_path, isolation="nspawn")
    assert host.cpu_threads >= host.cpu_cores >= 1
    sample = Sampler(directory=tmp_path).sample()
    assert len(sample.cpu_percent) == host.cpu_threads
    assert 0 < sample.memory_available <= host.memory_total
    assert 0 < sample.disk_free <= host.disk_total
