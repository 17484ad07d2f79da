"""SQLite whose writers ask for their turn every other millisecond, for as long as `timeout` says.

SQLite's own wait asks ever more rarely, in the end every tenth of a second: a writer that came early loses its turn to
every one that comes later, and with a handful of processes a turn of two milliseconds was waited for in tens of them.
"""

import sqlite3
import time
from collections.abc import Iterable
from typing import Any, Self

from django.db.backends.sqlite3 import base

PAUSE_SECONDS = 0.0015
_DEFAULT_PATIENCE = 5.0  # seconds, as sqlite3's own


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper with another wait for the write lock; what waits too long is refused as ever."""

    _patience = _DEFAULT_PATIENCE

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        """Connects with SQLite's own wait, as the switch to a write-ahead log needs, and turns that wait off."""
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        self._patience = float(conn_params.get("timeout", _DEFAULT_PATIENCE))
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    def create_cursor(self, name: str | None = None) -> "PatientCursor":  # noqa: ARG002 - Django's signature
        """Gives a cursor that waits."""
        cursor: PatientCursor = self.connection.cursor(factory=PatientCursor)
        cursor.patience = self._patience
        return cursor


class PatientCursor(base.SQLiteCursorWrapper):
    """Repeats a statement that found the database locked: it changed nothing, and within a transaction none does."""

    patience: float

    def execute(self, query: str, params: Any = None) -> Self:  # noqa: ANN401 - Django's signature
        """Executes a statement; raises `OperationalError` when the lock is not had in time."""
        give_up_at = time.monotonic() + self.patience
        while True:
            try:
                super().execute(query, params)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                    raise
            else:
                return self
            time.sleep(PAUSE_SECONDS)

    def executemany(self, query: str, param_list: Iterable[Any]) -> Self:
        """Executes a statement for each set of parameters, with SQLite's own wait: some may be done by then."""
        super().execute(f"PRAGMA busy_timeout = {int(self.patience * 1000)}")
        try:
            super().executemany(query, param_list)
        finally:
            self.connection.execute("PRAGMA busy_timeout = 0")
        return self
