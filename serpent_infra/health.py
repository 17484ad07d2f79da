"""Is this process fit to serve? One small answer for load balancers and for `manage.py up`."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from redis import Redis, RedisError


def health(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """Answers 200 when database and broker answer, 503 with the one that does not."""
    checks = {"database": _database(), "broker": _broker()}
    is_fit = all(problem == "" for problem in checks.values())
    return JsonResponse(
        {
            "status": "ok" if is_fit else "failing",
            "checks": {name: problem or "ok" for name, problem in checks.items()},
        },
        status=200 if is_fit else 503,
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return type(error).__name__
    return ""


def _broker() -> str:
    try:
        with Redis.from_url(settings.SERPENT_BROKER_URL, socket_timeout=2, socket_connect_timeout=2) as broker:
            broker.ping()
    except RedisError as error:
        return type(error).__name__
    return ""
