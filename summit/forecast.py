"""When a waiting build will start and finish, pure: a median and the moment before which nine of ten will.

The queue is run through in simulated time by the scheduler of production, every build in its mean time: so shares,
the reserve of security builds, memory, disk and builders to be avoided count here as they do there. How sure that is
follows from what each build waited for: the last of its needs, or the work that was on the slots that may take it.
Times are seconds from now. Durations are lognormal around their estimate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cbrt, exp, expm1, log, log1p, sqrt
from statistics import NormalDist
from typing import NamedTuple

from summit.scheduler import Ready, Share, Slot
from summit.simulation.farm import Farm, Place, Timeline

_NORMAL = NormalDist()
_Z90 = _NORMAL.inv_cdf(0.9)
_COMMON = 0.05  # of the time: what makes all builds late together, a slow day, does not average out
_SHORTEST = 0.001  # seconds; nothing takes no time at all
_AT_ONCE = 1e-6  # seconds between becoming ready and beginning that are no wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An open build as the forecast sees it.

    Attributes:
        ready: what the scheduler sees of it once it is ready.
        seconds: the median of how long its build will take.
        spread: the standard deviation of the logarithm of that time.
        needs: builds that must be published first; with one that is not among these there is no telling.
        rests_for: seconds during which it is not to begin.
        running_for: seconds since its build began, None while it waits.
        place: the slot on which it runs; None while it waits, or where that is outside of the fleet.
        is_built: only its publication is missing.
    """

    ready: Ready
    seconds: float
    spread: float
    needs: tuple[int, ...] = ()
    rests_for: float = 0.0
    running_for: float | None = None
    place: Place | None = None
    is_built: bool = False

    @property
    def key(self) -> int:
        """Its identity."""
        return self.ready.key


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


def forecast(
    works: Iterable[Work],
    slots: Sequence[Slot],
    *,
    shares: Mapping[str, Share] | None = None,
    security_reserve: float = 0.5,
    publishing: float = 0.0,
) -> dict[int, Forecast]:
    """Forecasts builds by key, in the order in which they begin: what is built or runs first, the furthest on.

    Absent is what no slot may take, or waits for something that cannot run or is not among these. `slots` are those of
    the fleet, busy or not; `publishing` is how long it takes from built to published, in seconds.
    """
    by_key = {work.key: work for work in works}
    farm = Farm(
        slots,
        lambda key, _now: by_key[key].ready,
        shares=shares,
        security_reserve=security_reserve,
        publishing=publishing,
    )
    laws = {key: _law(*remaining(work)) for key, work in by_key.items()}
    for key, work in by_key.items():
        if work.is_built:
            farm.publish(key)
        elif work.running_for is not None:
            farm.occupy(work.ready, work.place, seconds=laws[key].mean)
        elif farm.fits(work.ready) and by_key.keys() >= set(work.needs):
            farm.submit(key, seconds=laws[key].mean, at=max(work.rests_for, 0.0), needs=work.needs)
    return dict(_Reading(by_key, laws, farm, publishing).read(farm.run()))


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


class _Law(NamedTuple):
    """How a time is distributed, by three moments that add up as independent times do."""

    mean: float
    variance: float = 0.0
    skew: float = 0.0  # the third central moment

    def plus(self, other: "_Law") -> "_Law":
        return _Law(self.mean + other.mean, self.variance + other.variance, self.skew + other.skew)

    def moment(self) -> Moment:
        """Gives median and ninth decile of the shifted lognormal that has these moments."""
        if not self.variance:
            return Moment(self.mean, self.mean)
        doubt = sqrt(self.variance + (_COMMON * self.mean) ** 2)
        skewness = self.skew / doubt**3
        if skewness < 1e-3:  # noqa: PLR2004 - as good as normal, and the shape below would not be told from zero
            return Moment(self.mean, self.mean + _Z90 * doubt)
        middle, root = 1 + skewness**2 / 2, skewness * sqrt(1 + skewness**2 / 4)
        width = cbrt(middle + root) + cbrt(middle - root) - 1  # the exponential of the variance of the logarithm
        spread = sqrt(log(width))
        median = doubt / sqrt(width * (width - 1))
        shift = self.mean - median * sqrt(width)
        likely = max(shift + median, 0.0)
        return Moment(likely, max(shift + median * exp(_Z90 * spread), likely))


def _law(likely: float, excess: float) -> _Law:
    """Gives the lognormal law with a median, and so much more at its ninth decile."""
    if not likely or not excess:
        return _Law(likely)
    spread = log1p(excess / likely) / _Z90
    grown = expm1(spread * spread)
    mean = likely * exp(spread * spread / 2)
    variance = mean * mean * grown
    return _Law(mean, variance, variance * mean * grown * (grown + 3))


class _Reading:
    """Reads forecasts off a run: each build begins after what its needs, or its slots, had to do before."""

    def __init__(self, works: Mapping[int, Work], laws: Mapping[int, _Law], farm: Farm, publishing: float) -> None:
        self.works = works
        self.laws = laws
        self.farm = farm
        self.publishing = _Law(publishing)
        self.ends: dict[int, _Law] = {}  # by build, when it will be published
        self.found: dict[int, Forecast] = {}
        self.doubt = dict.fromkeys(farm.slots, (0.0, 0.0))  # by slot, of what it does before: variance and skew

    def read(self, run: Timeline) -> Iterator[tuple[int, Forecast]]:
        now = Moment(0.0, 0.0)
        begun = [key for key, work in self.works.items() if work.is_built or work.running_for is not None]
        for key in sorted(begun, key=lambda key: (not self.works[key].is_built, self.laws[key].mean, key)):
            place = self.works[key].place
            yield self._note(key, place if place in self.doubt else None, _Law(0.0), now)
        for key, began in run.began.items():
            needed = [self.found[need] for need in self.works[key].needs]
            start = self._start(key, began, is_at_once=began - run.ready[key] <= _AT_ONCE)
            moment = start.moment()
            # Whatever the approximations say, nothing begins before it may.
            likely = max([moment.likely, self.works[key].rests_for, *(one.finish.likely for one in needed)])
            late = max([moment.late, likely, *(one.finish.late for one in needed)])
            yield self._note(key, run.place[key], start, Moment(likely, late))

    def _start(self, key: int, began: float, *, is_at_once: bool) -> _Law:
        if is_at_once:
            last = max((self.ends[need] for need in self.works[key].needs), key=lambda law: law.mean, default=_Law(0.0))
            return last if last.mean >= began - _AT_ONCE else _Law(began)
        places = self.farm.fits(self.works[key].ready)
        count = len(places)
        variance = sum(self.doubt[place][0] for place in places) / count**2
        skew = sum(self.doubt[place][1] for place in places) / count**3
        return _Law(began, variance, skew)

    def _note(self, key: int, place: Place | None, start: _Law, moment: Moment) -> tuple[int, Forecast]:
        law = self.laws[key]
        if place is not None:
            variance, skew = self.doubt[place]
            self.doubt[place] = (variance + law.variance, skew + law.skew)
        self.ends[key] = start.plus(law).plus(self.publishing)
        finish = self.ends[key].moment()
        likely = max(finish.likely, moment.likely + self.publishing.mean)
        self.found[key] = Forecast(moment, Moment(likely, max(finish.late, likely, moment.late + self.publishing.mean)))
        return key, self.found[key]
