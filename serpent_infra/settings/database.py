"""The truth: SQLite embedded, PostgreSQL in production, and none at all on a builder."""

from typing import Any

from serpent_infra.settings.environment import IS_HUB, SERPENT_STATE_DIR, env

# How long a thread keeps its connection. The process for live streams, with its many threads, is started with 0.
SERPENT_CONNECTION_SECONDS: int = env.int("SERPENT_CONNECTION_SECONDS", default=60)


def _databases() -> dict[str, dict[str, Any]]:
    if not IS_HUB:
        # A builder is a guest: it has no database credentials, and no use for any.
        return {"default": {"ENGINE": "django.db.backends.dummy"}}
    database: dict[str, Any] = env.db_url(
        "SERPENT_DATABASE_URL", default=f"sqlite:///{SERPENT_STATE_DIR / 'serpent.sqlite3'}"
    )
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["ENGINE"] = "serpent_infra.sqlite"
        # Several processes write: take the write lock at BEGIN instead of failing at the first UPDATE.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        # Runners of tests that share a machine know that of Django's own engine, and make files of any other's name.
        database["TEST"] = {"NAME": ":memory:"}
    else:
        database["CONN_HEALTH_CHECKS"] = True
    database["CONN_MAX_AGE"] = SERPENT_CONNECTION_SECONDS  # six times PostgreSQL's throughput of one a request
    return {"default": database}


DATABASES = _databases()
