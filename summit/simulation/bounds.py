"""The least time that any order of jobs could take on given slots, by two relaxations."""

from collections.abc import Mapping, Sequence

from summit.scheduler import Slot, may_meet
from summit.simulation.workload import Workload


def lower_bound(workload: Workload, slots: Sequence[Slot]) -> float:
    """The longer of the longest chain and the work for each slot; also for work that only some of the slots may do."""
    work: dict[frozenset[int], float] = {}
    places: dict[tuple[object, ...], frozenset[int]] = {}
    for job in workload.jobs:
        kind = (job.architecture, job.isa_level, job.is_official, job.memory, job.disk)
        if kind not in places:
            places[kind] = frozenset(number for number, slot in enumerate(slots) if may_meet(job.as_ready(), slot))
        work[places[kind]] = work.get(places[kind], 0.0) + job.seconds
    loads = [sum(seconds for other, seconds in work.items() if other <= place) / len(place) for place in work if place]
    return max([workload.longest_chain, workload.work / len(slots), *loads])


def graph_bound(workload: Workload, slots: Sequence[Slot]) -> float:
    """The lower bound that also counts forced idleness: while all wait for a toolchain, slots have nothing to do.

    By any moment no more can be done than with a slot for every job; the rest takes its time for each slot. The same
    holds backwards from the end.
    """
    seconds = {job.key: job.seconds for job in workload.jobs}
    first = {job.key: job.submitted for job in workload.jobs}
    for key in sorted(seconds, key=lambda key: workload.true.wave[key]):
        first[key] = max([first[key], *(first[need] + seconds[need] for need in workload.hard[key])])
    after = {key: workload.true.priority[key] - seconds[key] for key in seconds}
    count = len(slots)
    return max(lower_bound(workload, slots), _front(first, seconds, count), _front(after, seconds, count))


def _front(first: Mapping[int, float], seconds: Mapping[int, float], slots: int) -> float:
    """The longest of: a moment, and the work that cannot be done by then, for each slot."""
    changes: dict[float, int] = {}  # by moment, how many jobs more or fewer could run
    for key, at in first.items():
        changes[at] = changes.get(at, 0) + 1
        changes[at + seconds[key]] = changes.get(at + seconds[key], 0) - 1
    left, running, before, longest = sum(seconds.values()), 0, 0.0, 0.0
    for at in sorted(changes):
        left -= running * (at - before)
        longest = max(longest, at + left / slots)
        running += changes[at]
        before = at
    return longest
