"""What came out of a replay, against the least that any order could take."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from summit.scheduler import Slot
from summit.simulation.bounds import graph_bound, lower_bound
from summit.simulation.farm import Timeline
from summit.simulation.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One replay in numbers: seconds, and shares of one.

    `lower_bound` is the longest chain or the work for each slot; `graph_bound` is at least as long, and also counts
    the time in which the needs leave less to do than there are slots.
    """

    policy: str
    seed: int
    slots: int
    makespan: float
    lower_bound: float
    graph_bound: float
    longest_chain: float
    work: float
    utilisation: float
    wait_median: float
    wait_p95: float

    @property
    def ratio(self) -> float:
        """The makespan in lower bounds: 1 cannot be beaten."""
        return self.makespan / self.lower_bound if self.lower_bound else 1.0

    @property
    def graph_ratio(self) -> float:
        """The makespan in graph bounds: what is above 1 could be the scheduler's fault."""
        return self.makespan / self.graph_bound if self.graph_bound else 1.0


def judge(workload: Workload, slots: Sequence[Slot], timeline: Timeline, *, policy: str, seed: int) -> Outcome:
    """Sums a replay up."""
    waits = timeline.waits()
    makespan = timeline.makespan
    return Outcome(
        policy=policy,
        seed=seed,
        slots=len(slots),
        makespan=makespan,
        lower_bound=lower_bound(workload, slots),
        graph_bound=graph_bound(workload, slots),
        longest_chain=workload.longest_chain,
        work=workload.work,
        utilisation=workload.work / (makespan * len(slots)) if makespan else 0.0,
        wait_median=median(waits) if waits else 0.0,
        wait_p95=waits[ceil(0.95 * len(waits)) - 1] if waits else 0.0,
    )
