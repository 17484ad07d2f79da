"""The truth: SQLite embedded, PostgreSQL in production, and none at all on a builder."""

from typing import Any

from serpent_infra.settings.environment import IS_HUB, SERPENT_STATE_DIR, env


def _databases() -> dict[str, dict[str, Any]]:
    if not IS_HUB:
        # A builder is a guest: it has no database credentials, and no use for any.
        return {"default": {"ENGINE": "django.db.backends.dummy"}}
    database: dict[str, Any] = env.db_url(
        "SERPENT_DATABASE_URL", default=f"sqlite:///{SERPENT_STATE_DIR / 'serpent.sqlite3'}"
    )
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # Several processes write: take the write lock at BEGIN instead of failing at the first UPDATE.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    else:
        database["CONN_MAX_AGE"] = 60  # six times the throughput of a connection a request
        database["CONN_HEALTH_CHECKS"] = True
    return {"default": database}


DATABASES = _databases()
