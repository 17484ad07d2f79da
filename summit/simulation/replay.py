"""Replays a workload on a fleet: every job in its time, each told to the scheduler as a policy would have it."""

from collections.abc import Iterable, Mapping

from summit.scheduler import Ready, Share, Slot
from summit.simulation.farm import Farm, Timeline
from summit.simulation.policies import Policy
from summit.simulation.workload import Job, Workload


class Unbuildable(Exception):
    """No slot of the fleet may ever take a job; the message says which."""


def replay(
    workload: Workload, slots: Iterable[Slot], policy: Policy, *, weights: Mapping[str, float] | None = None
) -> Timeline:
    """Runs all jobs; deterministic. Raises `Unbuildable`."""
    jobs = {job.key: job for job in workload.jobs}

    def ready(key: int, now: float) -> Ready:
        priority, since = policy(jobs[key], now)
        return jobs[key].as_ready(priority=priority, since=since)

    shares = {key: Share(weight=weight) for key, weight in (weights or {}).items()}
    farm = Farm(slots, ready, shares=shares)
    for job in workload.jobs:
        if not farm.fits(job.as_ready()):
            raise Unbuildable(_complaint(job))
        farm.submit(job.key, seconds=job.seconds, at=job.submitted, needs=workload.hard.get(job.key, ()))
    return farm.run()


def _complaint(job: Job) -> str:
    tier = "an official" if job.is_official else "a test"
    level = f" at level {job.isa_level}" if job.isa_level else ""
    room = f" in {job.memory:,} bytes of memory" if job.memory else ""
    return f"no slot of the fleet may build {job.name}: it is {tier} build for {job.architecture}{level}{room}"
