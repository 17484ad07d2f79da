"""When a waiting build will start and finish, pure: a median and the moment before which nine of ten will.

A build starts after what it needs has finished, and after the work before it has left room on the slots that may take
it: work that could have begun by then, shared by all of those slots. This is a fluid picture of the scheduler, chosen
over a simulation because it can be trusted to grow: one more slot never makes anything later, which no list scheduler
can promise (Graham 1969). Times are seconds from now. Durations are lognormal around their estimate.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from heapq import heapify, heappop, heappush
from math import exp, hypot, log, sqrt
from statistics import NormalDist

_NORMAL = NormalDist()
_Z90 = _NORMAL.inv_cdf(0.9)
_COMMON = 0.05  # of the time: what makes all builds late together, a slow day, does not average out
_SHORTEST = 0.001  # seconds; nothing takes no time at all
_ROUNDING = 1e-12  # of a sum: the same numbers added in another order are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An open build as the forecast sees it.

    Attributes:
        key: its identity.
        seconds: the median of how long its build will take.
        spread: the standard deviation of the logarithm of that time.
        needs: builds among these that must finish first.
        pool: names those that compete with it for slots; it waits for nobody of other pools.
        slots: how many slots may take it, busy or not; with none there is no telling.
        rank: the smaller goes first.
        rests_for: seconds during which it is not to begin.
        running_for: seconds since its build began, None while it waits; at least the whole time once it is built.
        is_built: only its publication is missing.
    """

    key: int
    seconds: float
    spread: float
    needs: tuple[int, ...] = ()
    pool: str = ""
    slots: int = 1
    rank: tuple[float, ...] = ()
    rests_for: float = 0.0
    running_for: float | None = None
    is_built: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in seconds from now: half of all such builds are there by `likely`, nine of ten by `late`."""

    likely: float
    late: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a build starts (now or earlier counts as 0) and when it is published."""

    start: Moment
    finish: Moment


def forecast(works: Iterable[Work], *, publishing: float = 0.0) -> Mapping[int, Forecast]:
    """Forecasts builds by key; absent is what cannot run, or waits for something that cannot or is not among these.

    `publishing` is how long it takes from built to published, in seconds.
    """
    by_key = {work.key: work for work in works}
    line = _line(by_key)
    release = _releases(line, publishing)
    times = sorted(release.values())
    pools: dict[str, _Ahead] = {}
    found: dict[int, Forecast] = {}
    for work in line:
        ahead = pools.get(work.pool)
        if ahead is None:
            ahead = pools[work.pool] = _Ahead(times)
        before = [found[need].finish for need in work.needs if need in found]
        if len(before) < len(work.needs) or (work.slots < 1 and not _has_begun(work)):
            continue
        rest = max(work.rests_for, 0.0)
        needed = Moment(max([rest, *(one.likely for one in before)]), max([rest, *(one.late for one in before)]))
        likely, excess = remaining(work)
        start = Moment(0.0, 0.0)
        if not _has_begun(work):
            start = Moment(
                ahead.room(needed.likely, slots=work.slots, caution=0.0),
                ahead.room(needed.late, slots=work.slots, caution=1.0),
            )
        finish = start.likely + likely + publishing
        late = max(hypot(start.late - start.likely, excess), _COMMON * finish if excess else 0.0)
        found[work.key] = Forecast(start, Moment(finish, finish + late))
        if not work.is_built:
            # Many together take their mean, which lies above the median of each.
            ahead.add(release[work.key], likely * _mean(max(work.spread, 0.0)), excess)
    return found


def remaining(work: Work) -> tuple[float, float]:
    """Gives the median of what is left of a build in seconds, and how much more nine of ten need at most."""
    if work.is_built:
        return 0.0, 0.0
    elapsed = max(work.running_for or 0.0, 0.0)
    median, spread = max(work.seconds, _SHORTEST), max(work.spread, 0.0)
    if not spread:
        return max(median - elapsed, 0.0), 0.0
    if not elapsed:
        return median, median * (_late(spread) - 1)
    # Of all builds that took longer than this one has by now, where is the middle?
    passed = _NORMAL.cdf(log(elapsed / median) / spread)
    left = max(1 - passed, 1e-9)
    likely, late = (median * exp(spread * _NORMAL.inv_cdf(1 - left * share)) - elapsed for share in (0.5, 0.1))
    likely = max(likely, 0.0)
    return likely, max(late - likely, 0.0)


@lru_cache(maxsize=256)
def _late(spread: float) -> float:
    return exp(_Z90 * spread)


@lru_cache(maxsize=256)
def _mean(spread: float) -> float:
    return exp(spread * spread / 2)


def _has_begun(work: Work) -> bool:
    return work.is_built or work.running_for is not None


def _line(by_key: Mapping[int, Work]) -> list[Work]:
    """Puts the most urgent first, but what is needed always before who needs it; cycles are left out."""
    waits = {key: sum(need in by_key for need in work.needs) for key, work in by_key.items()}
    needed_by: dict[int, list[int]] = {}
    for key, work in by_key.items():
        for need in work.needs:
            needed_by.setdefault(need, []).append(key)

    def urgency(key: int) -> tuple[bool, tuple[float, ...], int]:
        return (not _has_begun(by_key[key]), by_key[key].rank, key)

    ready = [urgency(key) for key, count in waits.items() if not count]
    heapify(ready)
    line = []
    while ready:
        key = heappop(ready)[-1]
        line.append(by_key[key])
        for other in needed_by.get(key, ()):
            waits[other] -= 1
            if not waits[other]:
                heappush(ready, urgency(other))
    return line


def _releases(line: Iterable[Work], publishing: float) -> dict[int, float]:
    """Says when each could begin if slots were without number: what competes for room, and from when on."""
    release: dict[int, float] = {}
    finish: dict[int, float] = {}
    for work in line:
        release[work.key] = max([work.rests_for, 0.0, *(finish[need] for need in work.needs if need in finish)])
        finish[work.key] = release[work.key] + remaining(work)[0] + publishing
    return release


class _Ahead:
    """The work that stands before the next in line, by the moment from which it can be done (a Fenwick tree)."""

    def __init__(self, times: list[float]) -> None:
        self.times = times
        self.seconds = [0.0] * (len(times) + 1)
        self.variance = [0.0] * (len(times) + 1)
        self.count = [0] * (len(times) + 1)

    def add(self, release: float, seconds: float, excess: float) -> None:
        """Puts a build in line."""
        place = bisect_right(self.times, release)
        while place < len(self.count):
            self.seconds[place] += seconds
            self.variance[place] += excess * excess
            self.count[place] += 1
            place += place & -place

    def room(self, earliest: float, *, slots: int, caution: float) -> float:
        """Finds the first moment from `earliest` on at which a slot is free of what stands before."""
        moment = earliest
        while True:
            seconds, excess, count = self._until(moment)
            if count < slots:
                return moment
            # When a slot falls free the others are, on average, in the middle of a build.
            doubt = caution * (excess + (_COMMON * seconds if excess else 0.0))
            done = seconds + doubt - (slots - 1) * seconds / (2 * count)
            if done <= moment * slots + _ROUNDING * done:
                return moment
            moment = max(done / slots, moment + _SHORTEST)

    def _until(self, moment: float) -> tuple[float, float, int]:
        place = bisect_right(self.times, moment)
        seconds = variance = 0.0
        count = 0
        while place:
            seconds += self.seconds[place]
            variance += self.variance[place]
            count += self.count[place]
            place -= place & -place
        return seconds, sqrt(variance), count
