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


STORM = Weather(
    death=0.2, deaf_death=0.05, lost=0.15, doubled=0.15, unreachable=0.05, unanswered=0.08, disk=0.03, build=0.2
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
    """Runs pieces of the hub as processes that may be killed before any statement of theirs."""

    longest = 60  # statements that a doomed process gets at most; most get far fewer

    def __init__(self, random: Random, broker: Broker) -> None:
        self.random = random
        self.broker = broker
        self.weather = CALM
        self.deaths = 0

    def run(self, deed: Callable[[], object]) -> bool:
        """Says whether the process came to its end."""
        is_doomed = self.random.random() < self.weather.death
        left = self.random.randrange(self.random.randrange(1, self.longest)) if is_doomed else None
        self.broker.is_deaf = self.random.random() < self.weather.deaf_death

        def statement(execute: Callable[..., object], *arguments: object) -> object:
            nonlocal left
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
        return True
