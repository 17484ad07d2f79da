"""Lets jobs run on slots in simulated time: an end makes dependants ready, and the scheduler gives the slot away.

The scheduler sees what `dispatch.py` would show it: of jobs that differ in nothing but urgency, as many as slots are
free; the slots that each share holds, and what it got within the last hour.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from summit.scheduler import Fleet, Ready, Share, Slot, may_meet, pair
from summit.simulation.policies import Policy
from summit.simulation.workload import Job, Workload

SERVED_WINDOW = 3600.0  # seconds


class Unbuildable(Exception):
    """No slot of the fleet may ever take a job; the message says which."""


@dataclass(slots=True)
class Timeline:
    """When each job became ready, began and ended, in seconds from the start."""

    ready: dict[int, float] = field(default_factory=dict)
    began: dict[int, float] = field(default_factory=dict)
    ended: dict[int, float] = field(default_factory=dict)

    @property
    def makespan(self) -> float:
        """Seconds until the last job ends."""
        return max(self.ended.values(), default=0.0)

    def waits(self) -> list[float]:
        """Lists how long jobs waited for a slot once nothing else was in their way, the shortest first."""
        return sorted(self.began[key] - at for key, at in self.ready.items())


def replay(
    workload: Workload, slots: Iterable[Slot], policy: Policy, *, weights: Mapping[str, float] | None = None
) -> Timeline:
    """Runs all jobs; deterministic. Raises `Unbuildable`."""
    farm = _Farm(workload, list(slots), policy, weights or {})
    farm.run()
    return farm.timeline


Lane = tuple[str, str, str, bool, bool, int, int]


class _Farm:
    def __init__(self, workload: Workload, slots: list[Slot], policy: Policy, weights: Mapping[str, float]) -> None:
        self.jobs = {job.key: job for job in workload.jobs}
        self.policy = policy
        self.weights = weights
        self.free = slots
        self.running: dict[int, Slot] = {}
        self.timeline = Timeline()
        self.lanes: dict[Lane, list[tuple[float, int, Ready]]] = {}
        self.served: deque[tuple[float, str, float]] = deque()
        self.left = {key: len(needs) for key, needs in workload.hard.items()}
        self.dependants: dict[int, list[int]] = {key: [] for key in self.jobs}
        for task, needs in workload.hard.items():
            for need in needs:
                self.dependants[need].append(task)
        # What happens: a job is submitted, or (True) ends.
        self.agenda = [(job.submitted, False, job.key) for job in workload.jobs]
        self.waiting = {job.key for job in workload.jobs}  # not submitted yet
        heapify(self.agenda)
        for job in {_lane(job.as_ready()): job for job in workload.jobs}.values():
            self._demand_slot(job)

    def _demand_slot(self, job: Job) -> None:
        ready = job.as_ready()
        if not any(may_meet(ready, slot) for slot in self.free):
            tier = "an official" if job.is_official else "a test"
            level = f" at level {job.isa_level}" if job.isa_level else ""
            room = f" in {job.memory:,} bytes of memory" if job.memory else ""
            raise Unbuildable(
                f"no slot of the fleet may build {job.name}: it is {tier} build for {job.architecture}{level}{room}"
            )

    def run(self) -> None:
        """Goes from event to event until none is left."""
        while self.agenda:
            now = self.agenda[0][0]
            while self.agenda and self.agenda[0][0] == now:
                _, is_end, key = heappop(self.agenda)
                if is_end:
                    self._end(key, now)
                else:
                    self.waiting.discard(key)
                    self._queue_if_ready(key, now)
            self._dispatch(now)

    def _end(self, key: int, now: float) -> None:
        self.free.append(self.running.pop(key))
        self.timeline.ended[key] = now
        self.served.append((now, self.jobs[key].share, self.jobs[key].seconds))
        for task in self.dependants[key]:
            self.left[task] -= 1
            self._queue_if_ready(task, now)

    def _queue_if_ready(self, key: int, now: float) -> None:
        if self.left[key] or key in self.waiting:
            return
        self.timeline.ready[key] = now
        job = self.jobs[key]
        priority, since = self.policy(job, now)
        ready = job.as_ready(priority=priority, since=since)
        insort(self.lanes.setdefault(_lane(ready), []), (-ready.urgency, key, ready), key=lambda entry: entry[:2])

    def _dispatch(self, now: float) -> None:
        if not self.free:
            return
        count = len(self.free)
        candidates = [entry[2] for lane in self.lanes.values() for entry in lane[:count]]
        fleet = Fleet(
            busy=tuple(self.running.values()),
            security_running=sum(self.jobs[key].is_security for key in self.running),
        )
        lanes = {ready.key: _lane(ready) for ready in candidates}
        for found in pair(candidates, self.free, shares=self._shares(now), fleet=fleet):
            lane = self.lanes[lanes[found.task]]
            del lane[next(place for place, entry in enumerate(lane) if entry[1] == found.task)]
            self.free.remove(found.slot)
            self.running[found.task] = found.slot
            self.timeline.began[found.task] = now
            heappush(self.agenda, (now + self.jobs[found.task].seconds, True, found.task))

    def _shares(self, now: float) -> dict[str, Share]:
        while self.served and self.served[0][0] < now - SERVED_WINDOW:
            self.served.popleft()
        running: dict[str, int] = {}
        served: dict[str, float] = {}
        for key in self.running:
            share = self.jobs[key].share
            running[share] = running.get(share, 0) + 1
        for _, share, seconds in self.served:
            served[share] = served.get(share, 0.0) + seconds
        return {
            share: Share(
                weight=self.weights.get(share, 1.0), running=running.get(share, 0), served=served.get(share, 0.0)
            )
            for share in {job[0] for job in self.lanes}
        }


def _lane(ready: Ready) -> Lane:
    return (
        ready.share,
        ready.architecture,
        ready.isa_level,
        ready.is_official,
        ready.is_security,
        ready.memory,
        ready.disk,
    )
