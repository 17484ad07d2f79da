"""How well a builder is, as a pure function of what was last heard of it, in sentences for its owner."""

from dataclasses import dataclass
from datetime import datetime, timedelta

GIB = 2**30
CROWDED = 3.0  # load per hardware thread beyond which builds only slow each other down
SCARCE_MEMORY = 0.03  # share of memory below which the kernel will soon end a build


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The latest sample of a machine, in bytes."""

    load_1m: float
    memory_available: int
    disk_used: int
    disk_free: int


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """What is known of one builder; `cpu_threads` and `memory_total` are 0 where it did not say."""

    is_enrolled: bool
    seen_at: datetime | None
    latest: Measurement | None
    cpu_threads: int = 0
    memory_total: int = 0


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How long a builder may be silent, and how much disk a build needs at least, in bytes."""

    silence: timedelta
    disk_free: int


@dataclass(frozen=True, kw_only=True)
class Health:
    """The verdict: `problems` are sentences, the gravest first; `can_work` says whether work may be offered."""

    is_online: bool
    can_work: bool
    problems: tuple[str, ...]

    @property
    def problem(self) -> str:
        """Gives the gravest problem, "" when all is well."""
        return self.problems[0] if self.problems else ""


def assess(vitals: Vitals, *, tolerance: Tolerance, at: datetime) -> Health:
    """Says whether a builder is online, whether it may be offered work, and what is wrong with it."""
    if not vitals.is_enrolled:
        return Health(is_online=False, can_work=False, problems=("Has not enrolled yet.",))
    if vitals.seen_at is None or at - vitals.seen_at > tolerance.silence:
        return Health(is_online=False, can_work=False, problems=(_silence(vitals.seen_at, at),))
    if vitals.latest is None:
        return Health(is_online=True, can_work=False, problems=("Has not sent a measurement yet.",))
    lacks_disk = vitals.latest.disk_free < tolerance.disk_free
    problems = [_disk(vitals.latest, tolerance)] if lacks_disk else []
    if vitals.memory_total and vitals.latest.memory_available < SCARCE_MEMORY * vitals.memory_total:
        problems.append(f"Memory is nearly used up: {_gib(vitals.latest.memory_available)} are left.")
    if vitals.cpu_threads and vitals.latest.load_1m > CROWDED * vitals.cpu_threads:
        problems.append(f"Overloaded: a load of {vitals.latest.load_1m:.1f} on {vitals.cpu_threads} threads.")
    return Health(is_online=True, can_work=not lacks_disk, problems=tuple(problems))


def _silence(seen_at: datetime | None, at: datetime) -> str:
    if seen_at is None:
        return "Has never been heard of."
    seconds = int((at - seen_at).total_seconds())
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"Silent for {seconds // length} {unit}."
    return f"Silent for {seconds} seconds."


def _disk(latest: Measurement, tolerance: Tolerance) -> str:
    return f"The disk is nearly full: {_gib(latest.disk_free)} are left, a build needs {_gib(tolerance.disk_free)}."


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
