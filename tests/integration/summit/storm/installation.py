"""Puts a simulated farm in the place of broker, network, disk and clock, around the real hub."""

from pathlib import Path
from random import Random
from typing import IO, Self
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection, transaction

from avalanche import enrolment
from serpent_infra import bells
from serpent_infra.wire.reports import ArtefactInfo
from summit import dispatch, publishing
from tests.integration.summit.storm.weather import Died
from tests.integration.summit.storm.world import World
from vessel import intake, locks, tree
from vessel.models import Version


def install(world: World, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Makes the hub of this process the hub of that farm, until `monkeypatch` is undone."""
    for name in ("PUBLIC", "IMPORTS", "SECRETS", "LOGS", "MIRRORS"):
        monkeypatch.setattr(settings, f"SERPENT_{name}_DIR", directory / name.lower())
    numbers = Random(world.seed)  # noqa: S311 - names that a seed repeats
    monkeypatch.setattr("django.utils.timezone.now", world.clock.now)
    monkeypatch.setattr(bells, "_ring", world.broker.ring)
    monkeypatch.setattr(dispatch, "uuid4", lambda: UUID(int=numbers.getrandbits(128), version=4))
    monkeypatch.setattr(enrolment, "restore_accounts", lambda: 0)  # there is no broker to restore them in
    monkeypatch.setattr("os.fsync", lambda _: None)  # processes die here, not machines

    class Fetcher:
        """The network between vessel and the simulated builders."""

        def __init__(self, *, base_uri: str, **_: object) -> None:
            self.base_uri = base_uri

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def fetch(self, artefact: ArtefactInfo, directory: Path) -> Path:
            return world.fleet.fetch(self.base_uri, artefact, directory)

    monkeypatch.setattr(intake, "Fetcher", Fetcher)
    write_history = tree.write_history

    def write(version: Version) -> None:
        if world.is_disk_bad:
            raise OSError(28, "No space left on device")
        write_history(version)

    monkeypatch.setattr(tree, "write_history", write)
    _interrupt(world, monkeypatch)
    publishing.forget()


def _interrupt(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets others act before a transaction begins; who would wait for a lock of the one they overtook is killed."""
    enter, locked = transaction.Atomic.__enter__, locks._locked

    def begin(block: transaction.Atomic) -> None:
        if not connection.in_atomic_block:
            world.fate.pause()
        enter(block)

    def lock(path: Path, *, wait: bool) -> IO[str]:
        try:
            return locked(path, wait=wait and not world.fate.is_meanwhile)
        except locks.Busy as error:
            if not wait:
                raise
            raise Died from error

    monkeypatch.setattr(transaction.Atomic, "__enter__", begin)
    monkeypatch.setattr(locks, "_locked", lock)
