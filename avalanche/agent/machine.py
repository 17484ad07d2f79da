"""What this machine is: processor, memory, disk, instruction-set levels, and how it is divided into slots."""

import platform
import re
from collections.abc import Iterable
from pathlib import Path

import psutil

from serpent_infra.wire.builders import HostInfo, SlotInfo

MIB = 2**20
CPUINFO = Path("/proc/cpuinfo")
# The levels of the x86-64 psABI by what each adds; v3x, between v3 and v4, is the distribution's own.
_X86_64_LEVELS: tuple[tuple[str, frozenset[str]], ...] = (
    ("x86_64", frozenset()),
    ("x86_64-v2", frozenset({"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"})),
    ("x86_64-v3", frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"})),
    ("x86_64-v3x", frozenset({"aes", "fsgsbase", "pclmulqdq", "rdrand"})),
    ("x86_64-v4", frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})),
)


def architecture() -> str:
    """Names the machine's architecture as stones do."""
    return platform.machine()


def isa_levels(machine: str, flags: frozenset[str]) -> tuple[str, ...]:
    """Lists the instruction-set levels that a processor with these flags can run, the baseline first."""
    if machine != "x86_64":
        return (machine,)
    reached = []
    for level, needs in _X86_64_LEVELS:
        if not needs <= flags:
            break
        reached.append(level)
    return tuple(reached)


def processor(cpuinfo: str) -> tuple[str, frozenset[str]]:
    """Reads model name and flags of the first processor from the text of `/proc/cpuinfo`."""
    model = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return (
        model.group(1).strip() if model else platform.processor() or platform.machine(),
        frozenset(flags.group(1).split()) if flags else frozenset(),
    )


def describe(*, directory: Path, isolation: str) -> HostInfo:
    """Describes this machine; the disk is the one that holds `directory`."""
    model, _ = processor(CPUINFO.read_text())
    return HostInfo(
        hostname=platform.node(),
        cpu_model=model,
        cpu_cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        cpu_threads=psutil.cpu_count() or 1,
        memory_total=psutil.virtual_memory().total,
        disk_total=psutil.disk_usage(str(directory)).total,
        kernel=f"{platform.system()} {platform.release()}",
        isolation=isolation,
    )


def divide(*, count: int, cpus: Iterable[int], memory_total: int) -> tuple[SlotInfo, ...]:
    """Divides processors and memory among slots; where there are fewer processors than slots they are shared."""
    numbers = sorted(cpus)
    share = memory_total // count // MIB * MIB
    return tuple(
        SlotInfo(
            index=index,
            cpus=tuple(numbers[index::count]) or (numbers[index % len(numbers)],),
            memory_limit=share,
        )
        for index in range(count)
    )


def slots(count: int) -> tuple[SlotInfo, ...]:
    """Divides this machine into `count` slots."""
    cpus = psutil.Process().cpu_affinity() or range(psutil.cpu_count() or 1)
    return divide(count=count, cpus=cpus, memory_total=psutil.virtual_memory().total)
