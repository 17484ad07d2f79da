"""Measures this machine: processors, load, memory, and the disk that builds are written to."""

import os
from pathlib import Path

import psutil

from serpent_infra.wire.builders import HostSample


class Sampler:
    """Takes measurements; processors are measured over the time since the one before."""

    def __init__(self, *, directory: Path) -> None:
        self._directory = directory
        psutil.cpu_percent(percpu=True)  # the first answer is meaningless: there is nothing to compare it with

    def sample(self) -> HostSample:
        """Takes one measurement, in percent per CPU and bytes."""
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self._directory))
        return HostSample(
            cpu_percent=tuple(min(100.0, max(0.0, percent)) for percent in psutil.cpu_percent(percpu=True)),
            load_1m=os.getloadavg()[0],
            memory_used=memory.used,
            memory_available=memory.available,
            disk_used=disk.used,
            disk_free=disk.free,
        )
