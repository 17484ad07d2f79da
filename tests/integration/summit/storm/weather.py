"""What goes wrong, drawn from one seed: processes that die, bells lost, doubled and late, and a flushed broker."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from threading import Lock
from typing import Any

from django.db import connection

BUILD = "avalanche.build"


class Died(BaseException):
    """The process was killed; nothing may catch it, as nothing catches a SIGKILL."""


@dataclass(kw_only=True)
class Weather:
    """How rough it is; every field is a probability. All zero is calm."""

    death: float = 0.0  # that a call of the hub dies before one of its statements
    deaf_death: float = 0.0  # that it dies after its last commit, before it rings
    lost: float = 0.0
    doubled: float = 0.0
    unreachable: float = 0.0  # that a builder's call never arrives
    unanswered: float = 0.0  # that it arrives, and the answer is lost
    disk: float = 0.0  # that the hub cannot write an index
    build: float = 0.0  # that a build fails, by anybody's fault
    interrupted: float = 0.0  # that others act between two transactions of a process


STORM = Weather(
    death=0.2,
    deaf_death=0.05,
    lost=0.15,
    doubled=0.15,
    unreachable=0.05,
    unanswered=0.08,
    disk=0.03,
    build=0.2,
    interrupted=0.25,
)
CALM = Weather()


class Clock:
    """Simulated time."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Message:
    """One bell on its way: the task, its ids, and the queue it was sent to."""

    task: str
    ids: tuple[tuple[str, Any], ...]
    queue: str

    @property
    def is_for_builders(self) -> bool:
        return self.task == BUILD


class Broker:
    """Keeps bells in no order; loses and doubles them as the weather says."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.weather = CALM
        self.is_deaf = False
        self.lock = Lock()  # several may ring and listen at once
        self.messages: list[Message] = []

    def ring(self, task: str, ids: dict[str, Any], prefix: str, options: dict[str, Any]) -> None:
        if self.is_deaf or self.random.random() < self.weather.lost:
            return
        message = Message(task, tuple(sorted(ids.items())), options.get("queue") or prefix)
        for _ in range(2 if self.random.random() < self.weather.doubled else 1):
            self.put(message)

    def put(self, message: Message) -> None:
        with self.lock:
            self.messages.append(message)

    def take(self, wanted: Callable[[Message], bool] = lambda _: True) -> Message | None:
        """Takes any bell that is wanted, however late: they keep no order."""
        with self.lock:
            places = [place for place, message in enumerate(self.messages) if wanted(message)]
            return self.messages.pop(self.random.choice(places)) if places else None

    def flush(self) -> None:
        with self.lock:
            self.messages.clear()


class Fate:
    """Runs pieces of the hub as processes: killed before any statement of theirs, overtaken between transactions."""

    longest = 60  # statements that a doomed process gets at most; most get far fewer
    farthest = 12  # transactions after which a process is overtaken at the latest

    def __init__(self, random: Random, broker: Broker) -> None:
        self.random = random
        self.broker = broker
        self.weather = CALM
        self.deaths = 0
        self.interruptions = 0
        self.meanwhile: Callable[[], None] | None = None  # what others do then
        self.is_meanwhile = False
        self.until_interruption = -1  # transactions and lone statements; negative for never

    def run(self, deed: Callable[[], object]) -> bool:
        """Says whether the process came to its end."""
        is_doomed = self.random.random() < self.weather.death
        left = self.random.randrange(self.random.randrange(1, self.longest)) if is_doomed else None
        self.broker.is_deaf = self.random.random() < self.weather.deaf_death
        if not self.is_meanwhile and self.weather.interrupted:
            is_overtaken = self.random.random() < self.weather.interrupted
            self.until_interruption = self.random.randrange(self.farthest) if is_overtaken else -1

        def statement(execute: Callable[..., object], *arguments: object) -> object:
            nonlocal left
            if not connection.in_atomic_block:
                self.pause()
            if left is not None:
                if left == 0:
                    raise Died
                left -= 1
            return execute(*arguments)

        try:
            with connection.execute_wrapper(statement):
                deed()
        except Died:
            self.deaths += 1
            return False
        finally:
            self.broker.is_deaf = False
            if not self.is_meanwhile:
                self.until_interruption = -1
        return True

    def pause(self) -> None:
        """Comes between two transactions of a process: now and then others act there, on the rows as they are."""
        if self.is_meanwhile or self.until_interruption < 0 or self.meanwhile is None:
            return
        self.until_interruption -= 1
        if self.until_interruption >= 0:
            return
        own, is_deaf = connection.execute_wrappers, self.broker.is_deaf
        self.is_meanwhile, connection.execute_wrappers = True, []
        self.interruptions += 1
        try:
            self.meanwhile()
        finally:
            self.is_meanwhile, connection.execute_wrappers = False, own
            self.broker.is_deaf = is_deaf
