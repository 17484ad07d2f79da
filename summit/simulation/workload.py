"""What is replayed: jobs with the time that they really take, and what each needs; and how such times are drawn."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import log
from random import Random

from serpent_infra.formats.dependency import Capability
from summit.needs import Node
from summit.queue import Order, order
from summit.scheduler import Ready
from summit.suiting import NOTHING, Room

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
# Nobody published how long the packages of such a distribution take. A median of a minute and a half with a tail up to
# a few hours is what people who build them see.
MEDIAN_SECONDS = 90.0
SPREAD = 1.3  # standard deviation of the logarithm
ERROR = 2.0  # estimates are off by up to this factor, either way


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A build: `seconds` is what it takes, `submitted` when it was asked for, in seconds from the start."""

    key: int
    name: str
    seconds: float
    submitted: float = 0.0
    share: str = ""
    architecture: str = "x86_64"
    isa_level: str = ""
    is_official: bool = True
    is_security: bool = False
    memory: int = 0
    disk: int = 0

    def as_ready(self, *, priority: float = 0.0, since: float = 0.0) -> Ready:
        """Shows it as the scheduler sees it; waiting counts from `since`, in seconds from the start."""
        return Ready(
            key=self.key,
            architecture=self.architecture,
            isa_level=self.isa_level,
            is_official=self.is_official,
            priority=priority,
            ready_since=_BEGINNING + timedelta(seconds=since),
            share=self.share,
            is_security=self.is_security,
            memory=self.memory,
            disk=self.disk,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Jobs, whom each waits for, and the two orders of them: by what is estimated, and by what is true."""

    jobs: Sequence[Job]
    hard: Mapping[int, Collection[int]]
    estimated: Order
    true: Order

    @property
    def work(self) -> float:
        """Seconds of building in all."""
        return sum(job.seconds for job in self.jobs)

    @property
    def longest_chain(self) -> float:
        """Seconds of the longest chain of jobs that wait for each other."""
        return max(self.true.priority.values(), default=0.0)


def draw(names: Iterable[str], *, random: Random, recorded: Mapping[str, float] | None = None) -> dict[str, float]:
    """Gives every name its seconds: as recorded, or drawn from a lognormal distribution."""
    drawn = {name: random.lognormvariate(log(MEDIAN_SECONDS), SPREAD) for name in names}
    return drawn | {name: seconds for name, seconds in (recorded or {}).items() if name in drawn}


def rebuild(
    nodes: Sequence[Node],
    *,
    seed: int,
    error: float = ERROR,
    recorded: Mapping[str, float] | None = None,
    asked: Mapping[str, Room] | None = None,
    architecture: str = "x86_64",
) -> Workload:
    """Makes the rebuild of everything, with everything published before: cycles are staged, as in production.

    Estimates are the true times off by a factor between 1/`error` and `error`, evenly on a logarithmic scale. `asked`
    is what builds ask of a slot, by name.
    """
    random = Random(seed)  # noqa: S311 - a simulation wants numbers that can be drawn again
    true = draw((node.name for node in nodes), random=random, recorded=recorded)
    guessed = [replace(node, seconds=true[node.name] * error ** random.uniform(-1, 1)) for node in nodes]
    published = frozenset[Capability]().union(*(node.provides for node in nodes))
    estimated = order(guessed, offered=published, knows_all_remotes=False)
    rooms = asked or {}
    exact = [replace(node, seconds=true[node.name]) for node in nodes]
    return Workload(
        jobs=[
            Job(
                key=node.key,
                name=node.name,
                seconds=true[node.name],
                architecture=architecture,
                memory=rooms.get(node.name, NOTHING).memory,
                disk=rooms.get(node.name, NOTHING).disk,
            )
            for node in nodes
        ],
        hard=waited_for(estimated),
        estimated=estimated,
        true=order(exact, offered=published, knows_all_remotes=False),
    )


def waited_for(found: Order) -> dict[int, list[int]]:
    """Gives by task those that an order makes it wait for."""
    return {
        task: [needs for needs in row if needs not in found.staged.get(task, ())] for task, row in found.wants.items()
    }
