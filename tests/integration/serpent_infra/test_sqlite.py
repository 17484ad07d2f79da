"""Writers on SQLite: each gets its turn soon, and one that waits too long is refused."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import DatabaseError, OperationalError

from serpent_infra.sqlite.base import DatabaseWrapper

pytestmark = pytest.mark.django_db  # to be let near a database at all; each test has a file of its own

PATIENCE = 0.3


def connect(place: Path, *, patience: float) -> DatabaseWrapper:
    options = {"timeout": patience, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"}
    settings = {"NAME": str(place), "OPTIONS": options, "AUTOCOMMIT": True, "CONN_MAX_AGE": 0}
    rest: dict[str, object] = {"ATOMIC_REQUESTS": False, "CONN_HEALTH_CHECKS": False, "TIME_ZONE": None, "TEST": {}}
    return DatabaseWrapper({**settings, **rest, "HOST": "", "PORT": "", "USER": "", "PASSWORD": ""}, alias="tried")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "tried.sqlite3"
    first = connect(path, patience=5)
    with first.cursor() as cursor:
        cursor.execute("CREATE TABLE told (word TEXT)")
    first.close()
    return path


@pytest.fixture
def holder(place: Path) -> Iterator[DatabaseWrapper]:
    """Another process's connection, in the middle of a transaction."""
    other = connect(place, patience=5)
    other.inc_thread_sharing()
    with other.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO told VALUES ('held')")
    yield other
    other.close()


def words(connection: DatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        return [word for (word,) in cursor.execute("SELECT word FROM told ORDER BY rowid").fetchall()]


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "INSERT INTO told VALUES ('late')"])
def test_a_writer_waits_until_the_other_is_done(place: Path, holder: DatabaseWrapper, begin: str) -> None:
    waiting = connect(place, patience=30)
    release = threading.Timer(0.25, holder.connection.commit)
    release.start()
    began = time.monotonic()
    with waiting.cursor() as cursor:
        cursor.execute(begin)
    waited = time.monotonic() - began
    release.join()
    waiting.close()
    assert 0.1 < waited < 10


def test_one_statement_for_many_rows_waits_as_well(place: Path, holder: DatabaseWrapper) -> None:
    waiting = connect(place, patience=30)
    release = threading.Timer(0.25, holder.connection.commit)
    release.start()
    with waiting.cursor() as cursor:
        cursor.executemany("INSERT INTO told VALUES (%s)", [("one",), ("two",)])
    release.join()
    assert words(waiting) == ["held", "one", "two"]
    with waiting.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (0,)
    waiting.close()


def test_a_writer_that_waits_too_long_is_refused_and_changed_nothing(place: Path, holder: DatabaseWrapper) -> None:
    waiting = connect(place, patience=PATIENCE)
    began = time.monotonic()
    with waiting.cursor() as cursor, pytest.raises(OperationalError, match="database is locked"):
        cursor.execute("INSERT INTO told VALUES ('late')")
    assert time.monotonic() - began >= PATIENCE
    holder.connection.commit()
    assert words(waiting) == ["held"]
    waiting.close()


def test_a_reader_waits_for_nobody(place: Path, holder: DatabaseWrapper) -> None:
    reading = connect(place, patience=0)
    assert words(reading) == []
    reading.close()


def test_another_fault_is_told_at_once(place: Path) -> None:
    connection = connect(place, patience=60)
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="no such table"):
        cursor.execute("INSERT INTO unknown VALUES (1)")
    connection.close()
