"""Builders as the hub hears them: they claim, renew, report and drop as the agent does, and crash as machines do."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from avalanche import leases, reporting
from avalanche.models import Attempt, Builder, HostSample
from avalanche.refusals import AttemptClosed, NotOffered, StaleLease
from serpent_infra.formats.dependency import Capability
from serpent_infra.wire.builders import Hello
from serpent_infra.wire.orders import BuildOrder, RenewRequest
from serpent_infra.wire.reports import ArtefactInfo, BuildReport, Failure, FailureKind, MemoryMethod, Outcome
from summit.models import AttemptRef
from tests.factories.avalanche import make_builder, make_sample
from tests.factories.vessel import artefact, make_meta, make_stone
from tests.integration.summit.storm.weather import CALM, Clock, Fate
from vessel.fetch import FetchFailed

KINDS = (FailureKind.PHASE, FailureKind.OUT_OF_MEMORY, FailureKind.DISK_FULL, FailureKind.SANDBOX)
REFUSALS = (NotOffered, StaleLease, AttemptClosed)


@dataclass
class Job:
    """What one slot works on."""

    order: BuildOrder
    epoch: int
    left: int  # ticks
    report: BuildReport | None = None


@dataclass
class Machine:
    """One builder: its slots' jobs and the artefacts on its disk."""

    name: str
    disk: Path
    jobs: dict[int, Job | None]
    is_up: bool = True
    kept: dict[UUID, tuple[ArtefactInfo, ...]] = field(default_factory=dict)
    burnt: set[UUID] = field(default_factory=set)


class Fleet:
    """All builders of the simulated farm."""

    def __init__(
        self, random: Random, clock: Clock, fate: Fate, *, directory: Path, provides: Callable[[str], list[str]]
    ) -> None:
        self.random, self.clock, self.fate = random, clock, fate
        self.weather = CALM
        self.directory = directory
        self.provides = provides
        self.machines: dict[str, Machine] = {}
        self.rows: dict[str, Builder] = {}
        self.orders: dict[UUID, BuildOrder] = {}
        self.missing: list[str] = []  # what vessel asked for after the builder was told to drop it

    def add(self, name: str, slots: int) -> None:
        self.rows[name] = make_builder(name, slots=slots, at=self.clock.now())
        disk = self.directory / name
        disk.mkdir(parents=True)
        self.machines[name] = Machine(name, disk, dict.fromkeys(range(slots)))

    def _call(self, deed: Callable[[], Any]) -> Any:
        """Asks the hub over an unreliable network; None where no answer came, a refusal as its exception."""
        if self.random.random() < self.weather.unreachable:
            return None
        answers: list[Any] = []

        def answer() -> None:
            try:
                answers.append(deed())
            except REFUSALS as refusal:
                answers.append(refusal)

        is_through = self.fate.run(answer)
        if not is_through or self.random.random() < self.weather.unanswered:
            return None
        return answers[0]

    def hear(self, queue: str, attempt: UUID) -> bool:
        """Lets a slot's worker take a bell from its queue; False when it is busy and the bell goes on waiting."""
        _, name, index = queue.split(".")
        machine, slot = self.machines[name], int(index)
        if not machine.is_up or machine.jobs[slot] is not None:
            return False
        found = Attempt.objects.with_parts().filter(pk=attempt).first()
        if found is None:
            return True
        answer = self._call(lambda: leases.claim(found, slot=slot, at=self.clock.now()))
        if isinstance(answer, Exception):
            self._greet(machine, (slot,))
        elif answer is not None:
            self.orders[attempt] = answer.order
            machine.jobs[slot] = Job(answer.order, answer.lease.epoch, self.random.randrange(1, 5))
        return True

    def tick(self) -> None:
        """Passes ten seconds on every machine: signs of life, work, reports, cleaning."""
        for machine in self.machines.values():
            if not machine.is_up:
                continue
            builder = self.rows[machine.name]
            builder.note_seen(at=self.clock.now())
            HostSample.objects.record(builder=builder, sample=make_sample(), at=self.clock.now())
            for slot, job in machine.jobs.items():
                if job is not None and self._is_done(machine, job):
                    machine.jobs[slot] = None
            if machine.kept:
                self._drop(machine, builder)

    def crash(self) -> None:
        """Kills a machine and all its builds."""
        machine = self.random.choice(list(self.machines.values()))
        machine.is_up = False
        machine.jobs = dict.fromkeys(machine.jobs)

    def revive(self) -> None:
        """Brings back a machine that is down; its greeting may be lost."""
        for machine in self.machines.values():
            if not machine.is_up:
                machine.is_up = True
                self._greet(machine, tuple(machine.jobs))

    def burn(self) -> None:
        """Loses the disk of a machine with all that was built there, as when it is set up anew."""
        self.crash()
        for machine in self.machines.values():
            if not machine.is_up:
                machine.burnt |= set(machine.kept)
                for attempt in list(machine.kept):
                    self._forget(machine, attempt)

    def drain(self) -> None:
        self.random.choice(list(self.rows.values())).drain()

    def resume(self) -> None:
        for builder in self.rows.values():
            builder.resume()

    def recover(self) -> None:
        self.resume()
        for machine in self.machines.values():
            machine.is_up = True

    def check_orders(self) -> None:
        """Holds at any time: what was built is the commit that its task names, as it names it."""
        tasks = {
            row.attempt: row.task
            for row in AttemptRef.objects.filter(attempt__in=self.orders).select_related("task__recipe")
        }
        for attempt, order in self.orders.items():
            task = tasks[attempt]
            built = order.source.commit, order.source_name, order.version, order.release
            wanted = task.commit, task.source_name, task.version, task.release
            assert built == wanted, f"{task} was ordered as {built}"

    def _greet(self, machine: Machine, slots: tuple[int, ...]) -> None:
        builder = self.rows[machine.name]
        self._call(lambda: leases.greet(builder, Hello(idle_slots=slots), at=self.clock.now()))

    def _is_done(self, machine: Machine, job: Job) -> bool:
        attempt = job.order.attempt
        if job.left > 0:
            job.left -= 1
            request = RenewRequest(epoch=job.epoch, phase="build")
            answer = self._call(lambda: leases.renew(Attempt.objects.get(pk=attempt), request, at=self.clock.now()))
            if isinstance(answer, Exception):
                return True  # the lease is lost: nothing of it is wanted
            if answer is not None and answer.cancel:
                job.left, job.report = 0, self._report(job, Outcome.CANCELLED)
            return False
        if job.report is None:
            job.report = self._build(machine, job)
        report = job.report
        found = Attempt.objects.with_parts().get(pk=attempt)

        def hand_in() -> bool:
            reporting.accept(found, report, at=self.clock.now())
            return True

        answer = self._call(hand_in)
        if isinstance(answer, Exception):
            self._forget(machine, attempt)
            return True
        # Now and then a report is sent once more although it was taken in.
        return answer is not None and self.random.random() >= self.weather.unanswered

    def _build(self, machine: Machine, job: Job) -> BuildReport:
        order = job.order
        if self.random.random() < self.weather.build:
            kind = self.random.choice(KINDS)
            return self._report(
                job,
                Outcome.FAILED,
                failure=Failure(kind=kind, message=f"{kind} in the storm"),
                memory_peak=self.random.randrange(2**40),
                memory_method=MemoryMethod.CGROUP,
                disk_peak=self.random.randrange(2**40),
            )
        place = machine.disk / str(order.attempt)
        place.mkdir(exist_ok=True)
        meta = make_meta(
            order.source_name,
            order.version,
            order.release,
            build_release=order.build_release,
            provides=frozenset(
                {Capability.name(order.source_name), *map(Capability.parse, self.provides(order.source_name))}
            ),
            depends=frozenset(),
        )
        files = (artefact(make_stone(place, meta, content=self.bits_of(order))),)
        machine.kept[order.attempt] = files
        return self._report(job, Outcome.SUCCEEDED, artefacts=files)

    def bits_of(self, order: BuildOrder) -> bytes:
        """Gives what a package holds: each attempt builds other bits, so that one published twice would be seen."""
        return str(order.attempt).encode()

    def _report(self, job: Job, outcome: Outcome, **facts: Any) -> BuildReport:
        return BuildReport(
            attempt=job.order.attempt, epoch=job.epoch, outcome=outcome, isolation="none", log_size=0, **facts
        )

    def _drop(self, machine: Machine, builder: Builder) -> None:
        """Deletes what the hub says is wanted no more, as the agent does between builds."""
        for attempt in Attempt.objects.droppable().filter(builder=builder, pk__in=list(machine.kept)):
            self._forget(machine, attempt.pk)
            self._call(partial(attempt.note_dropped, at=self.clock.now()))

    def _forget(self, machine: Machine, attempt: UUID) -> None:
        machine.kept.pop(attempt, None)
        shutil.rmtree(machine.disk / str(attempt), ignore_errors=True)

    def fetch(self, base_uri: str, file: ArtefactInfo, directory: Path) -> Path:
        """Serves an artefact to vessel; raises `FetchFailed` as the network does."""
        name, attempt = base_uri.split("/")[2].partition(".")[0], base_uri.rstrip("/").split("/")[-1]
        machine = self.machines[name]
        source = machine.disk / attempt / file.name
        if not machine.is_up or self.random.random() < self.weather.unreachable:
            raise FetchFailed(f"{file.name}: the builder cannot be reached")
        if not source.is_file():
            if UUID(attempt) not in machine.burnt:
                self.missing.append(f"{attempt} on {name}")
            raise FetchFailed(f"{file.name}: the builder answers 404")
        target = directory / file.name
        shutil.copy(source, target)
        return target
