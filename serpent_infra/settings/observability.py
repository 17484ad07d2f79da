"""What is logged: our own decisions, and what goes wrong elsewhere. Every process writes to standard output."""

from typing import Any

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # Sweeps ring every few seconds: their coming and going is no news.
    "loggers": {
        name: {"level": "WARNING"} for name in ("celery", "kombu", "amqp", "django.server", "urllib3", "asyncio")
    },
}
