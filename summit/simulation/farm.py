"""Slots in simulated time: an end makes dependants ready, and the scheduler of production gives the slot away.

The scheduler sees what `dispatch.py` would show it: of jobs that differ in nothing but urgency, as many as slots are
free; the slots that each share holds, and what it got within the last hour; disks as those who build leave them.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from summit.scheduler import Fleet, Ready, Share, Slot, may_meet, pair

SERVED_WINDOW = 3600.0  # seconds
_PARTS = 12  # into which what shares got before the start is divided: it is forgotten little by little
_SUBMITTED, _ENDED, _MET = range(3)  # what happens, in the order in which it does at one moment

Place = tuple[str, int]  # a slot's builder and number
_Lane = tuple[str, bool, bool, int, int, frozenset[str]]


@dataclass(slots=True)
class Timeline:
    """When each job became ready, began and ended, in seconds from the start; `began` in the order of beginning."""

    ready: dict[int, float] = field(default_factory=dict)
    began: dict[int, float] = field(default_factory=dict)
    ended: dict[int, float] = field(default_factory=dict)
    place: dict[int, Place] = field(default_factory=dict)

    @property
    def makespan(self) -> float:
        """Seconds until the last job ends."""
        return max(self.ended.values(), default=0.0)

    def waits(self) -> list[float]:
        """Lists how long jobs waited for a slot once nothing else was in their way, the shortest first."""
        return sorted(self.began[key] - at for key, at in self.ready.items())


class Farm:
    """A fleet and the jobs that it is given; deterministic.

    `ready` shows a job as the scheduler sees it at the moment (in seconds from the start) at which it becomes ready.
    `shares` says what weight shares have and what they were served before; they hold what runs. `publishing` is how
    long it takes from a job's end until whoever needs it may go, in seconds.
    """

    def __init__(
        self,
        slots: Iterable[Slot],
        ready: Callable[[int, float], Ready],
        *,
        shares: Mapping[str, Share] | None = None,
        security_reserve: float | None = None,
        publishing: float = 0.0,
    ) -> None:
        self.slots = {(slot.builder, slot.index): slot for slot in slots}
        self.timeline = Timeline()
        self._ready = ready
        self._free = dict(self.slots)
        self._publishing = publishing
        self._fleet = Fleet() if security_reserve is None else Fleet(security_reserve=security_reserve)
        self._running: dict[int, tuple[Ready, Place | None]] = {}
        self._seconds: dict[int, float] = {}
        self._left: dict[int, int] = {}
        self._dependants: dict[int, list[int]] = {}
        self._agenda: list[tuple[float, int, int]] = []
        self._lanes: dict[_Lane, list[tuple[float, int, Ready]]] = {}
        self._fits: dict[tuple[object, ...], frozenset[Place]] = {}
        self._numbers: dict[frozenset[Place], int] = {}
        self._fit_of: list[frozenset[Place]] = []
        self._disk: dict[str, int] = {}  # bytes that those who build take of a builder's disk
        self._weights = {key: share.weight for key, share in (shares or {}).items()}
        self._served: dict[str, float] = {}
        self._past: deque[tuple[float, str, float]] = deque()
        for part in range(_PARTS):
            for key, share in (shares or {}).items():
                if share.served:
                    at = SERVED_WINDOW * ((part + 1) / _PARTS - 1)
                    self._note_served(at, key, share.served / _PARTS)

    def submit(self, key: int, *, seconds: float, at: float = 0.0, needs: Collection[int] = ()) -> None:
        """Asks for a job, that takes so long, from a moment on and once all jobs that it needs have ended."""
        self._seconds[key] = seconds
        self._left[key] = len(needs) + 1
        for need in needs:
            self._dependants.setdefault(need, []).append(key)
        heappush(self._agenda, (at, _SUBMITTED, key))

    def occupy(self, ready: Ready, place: Place | None, *, seconds: float) -> None:
        """Says that a job runs already and for how much longer; None is a place outside of the fleet."""
        if place not in self._free:
            place = None
        else:
            del self._free[place]
        self._seconds[ready.key] = seconds
        self._running[ready.key] = (ready, place)
        heappush(self._agenda, (seconds, _ENDED, ready.key))

    def publish(self, key: int) -> None:
        """Says that a job has ended already, and only its publication is missing."""
        heappush(self._agenda, (self._publishing, _MET, key))

    def fits(self, ready: Ready) -> frozenset[Place]:
        """Gives the slots, busy or not, that may ever take a job."""
        wants = (ready.architecture, ready.isa_level, ready.is_official, ready.memory, ready.disk)
        if wants not in self._fits:
            found = frozenset(place for place, slot in self.slots.items() if may_meet(ready, slot))
            number = self._numbers.setdefault(found, len(self._fit_of))
            if number == len(self._fit_of):
                self._fit_of.append(found)
            self._fits[wants] = self._fit_of[number]
        return self._fits[wants]

    def run(self) -> Timeline:
        """Goes from event to event until none is left; what no slot may take never begins."""
        while self._agenda:
            now = self._agenda[0][0]
            while self._agenda and self._agenda[0][0] == now:
                _, what, key = heappop(self._agenda)
                if what == _SUBMITTED:
                    self._come_nearer(key, now)
                elif what == _ENDED:
                    self._end(key, now)
                else:
                    self._meet(key, now)
            self._dispatch(now)
        return self.timeline

    def _end(self, key: int, now: float) -> None:
        ready, place = self._running.pop(key)
        if place is not None:
            self._free[place] = self.slots[place]
            if ready.disk and key in self.timeline.began:
                self._disk[place[0]] -= ready.disk
        self.timeline.ended[key] = now
        self._note_served(now, ready.share, self._seconds[key])
        if self._publishing:
            heappush(self._agenda, (now + self._publishing, _MET, key))
        else:
            self._meet(key, now)

    def _meet(self, key: int, now: float) -> None:
        for other in self._dependants.get(key, ()):
            self._come_nearer(other, now)

    def _come_nearer(self, key: int, now: float) -> None:
        self._left[key] -= 1
        if self._left[key]:
            return
        self.timeline.ready[key] = now
        ready = self._ready(key, now)
        lane = self._lanes.setdefault(self._lane(ready), [])
        insort(lane, (-ready.urgency, key, ready), key=lambda entry: entry[:2])

    def _lane(self, ready: Ready) -> _Lane:
        fit = self._numbers[self.fits(ready)]
        return (ready.share, ready.is_expedited, ready.is_security, fit, ready.disk, ready.avoid)

    def _dispatch(self, now: float) -> None:
        count = len(self._free)
        candidates: list[Ready] = []
        lanes: dict[int, list[tuple[float, int, Ready]]] = {}
        for key, lane in self._lanes.items():
            if lane and not self._fit_of[key[3]].isdisjoint(self._free):
                for entry in lane[:count]:
                    candidates.append(entry[2])
                    lanes[entry[1]] = lane
        if not candidates:
            return
        fleet = replace(
            self._fleet,
            busy=[self.slots[place] for _, place in self._running.values() if place is not None],
            security_running=sum(ready.is_security for ready, _ in self._running.values()),
        )
        by_key = {ready.key: ready for ready in candidates}
        for found in pair(candidates, self._with_disks(), shares=self._shares(now), fleet=fleet):
            lane = lanes[found.task]
            del lane[next(number for number, entry in enumerate(lane) if entry[1] == found.task)]
            self._begin(by_key[found.task], (found.slot.builder, found.slot.index), now)

    def _begin(self, ready: Ready, place: Place, now: float) -> None:
        del self._free[place]
        self._running[ready.key] = (ready, place)
        self.timeline.began[ready.key] = now
        self.timeline.place[ready.key] = place
        if ready.disk:
            self._disk[place[0]] = self._disk.get(place[0], 0) + ready.disk
        heappush(self._agenda, (now + self._seconds[ready.key], _ENDED, ready.key))

    def _with_disks(self) -> list[Slot]:
        """Gives the free slots with what is left of their builders' disks."""
        return [
            replace(slot, disk_free=max(slot.disk_free - taken, 0))
            if slot.disk_free is not None and (taken := self._disk.get(slot.builder, 0))
            else slot
            for slot in self._free.values()
        ]

    def _note_served(self, at: float, share: str, seconds: float) -> None:
        self._past.append((at, share, seconds))
        self._served[share] = self._served.get(share, 0.0) + seconds

    def _shares(self, now: float) -> dict[str, Share]:
        while self._past and self._past[0][0] < now - SERVED_WINDOW:
            _, share, seconds = self._past.popleft()
            self._served[share] -= seconds
        keys = {lane[0] for lane, entries in self._lanes.items() if entries}
        if len(keys) == 1:  # nobody to compare it with
            return {}
        running: dict[str, int] = {}
        for ready, _ in self._running.values():
            running[ready.share] = running.get(ready.share, 0) + 1
        return {
            key: Share(
                weight=self._weights.get(key, 1.0),
                running=running.get(key, 0),
                served=max(self._served.get(key, 0.0), 0.0),
            )
            for key in keys
        }
