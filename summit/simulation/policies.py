"""Whom a free slot goes to first: ours, and the two that others use, all through the same scheduler.

A policy gives a job's priority, and the moment from which its waiting counts, in seconds.
"""

from collections.abc import Callable, Mapping

from summit.simulation.workload import Job, Workload

Urgency = tuple[float, float]
Policy = Callable[[Job, float], Urgency]
_DAY = 86_400.0


def first_come(workload: Workload) -> Policy:
    """Whatever became ready first goes first."""
    del workload
    return lambda _job, ready_at: (0.0, ready_at)


def most_dependants(workload: Workload) -> Policy:
    """Whatever most jobs wait for, directly or not, goes first."""
    count = _dependants(workload)
    return lambda job, _ready_at: (count[job.key] * _DAY, 0.0)


def critical_path(workload: Workload) -> Policy:
    """What production does: the longest chain that waits, by estimates, and how long it has been asked for."""
    priority = workload.estimated.priority
    return lambda job, _ready_at: (priority[job.key], job.submitted)


POLICIES: Mapping[str, Callable[[Workload], Policy]] = {
    "fifo": first_come,
    "most-dependants": most_dependants,
    "critical-path": critical_path,
}


def _dependants(workload: Workload) -> dict[int, int]:
    """Counts all jobs that wait for each; sets of jobs are the bits of a number."""
    waiting: dict[int, list[int]] = {job.key: [] for job in workload.jobs}
    for task, needs in workload.hard.items():
        for need in needs:
            waiting[need].append(task)
    bit = {job.key: 1 << number for number, job in enumerate(workload.jobs)}
    found: dict[int, int] = {}
    for key in sorted(waiting, key=lambda key: -workload.estimated.wave[key]):
        found[key] = 0
        for task in waiting[key]:
            found[key] |= found[task] | bit[task]
    return {key: members.bit_count() for key, members in found.items()}
