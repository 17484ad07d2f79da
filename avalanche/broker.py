"""Builders' accounts on the broker: each reaches the keys under its own prefix and nothing else.

The rules are those with which a Celery worker was measured to work and to be denied nothing it needs; kombu's pattern
subscriptions have to be named literally. An embedded broker may forget its accounts: the sweep asks for missing ones.
"""

import hashlib
import logging
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

_COMMANDS = (
    *("-@all", "+@connection", "+@list", "+@hash", "+@sortedset", "+@set", "+@string", "+@transaction", "+@pubsub"),
    *("+eval", "+evalsha", "+script|load", "+script|exists", "+time", "+info", "+watch", "+exists", "+del", "+expire"),
    *("-keys", "-flushdb", "-flushall"),
)
_TIMEOUT_SECONDS = 3


def make_password() -> tuple[str, str]:
    """Makes a password of 256 random bits, and the hash by which the broker and the hub know it."""
    password = secrets.token_urlsafe(32)
    return password, hashlib.sha256(password.encode()).hexdigest()


def account_uri(*, name: str, password: str) -> str:
    """Gives the broker's address as a builder uses it, with its account; the hub's own credentials stay out."""
    parts = urlsplit(settings.SERPENT_BUILDER_BROKER_URL)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{_account(name)}:{password}@{host}{port}"))


def apply_accounts(accounts: Iterable[tuple[str, str]]) -> int:
    """Makes accounts (name, password hash) that the broker lacks or has otherwise; gives how many it changed.

    A broker that is away or refuses is logged, not raised: the sweep asks again.
    """
    changed = 0
    try:
        with _connect() as client:
            known = set(_run(client, "USERS"))
            for name, password_hash in accounts:
                account = _account(name)
                if account in known and _has_password(client, account, password_hash):
                    continue
                _run(client, "SETUSER", account, *_rules(name, password_hash))
                changed += 1
            if changed:
                _save(client)
    except redis.RedisError as error:
        logger.warning("The broker does not take builders' accounts: %s", error)
    return changed


def remove_account(name: str) -> None:
    """Ends a builder's account and its connections; a broker that is away is logged, not raised."""
    try:
        with _connect() as client:
            if _run(client, "DELUSER", _account(name)):
                _save(client)
    except redis.RedisError as error:
        logger.warning("The broker does not end the account of %s: %s", name, error)


def _account(name: str) -> str:
    return f"builder-{name}"  # never the name of an account that is not a builder's, `default` above all


def _rules(name: str, password_hash: str) -> tuple[str, ...]:
    prefix, database = f"{name}.", urlsplit(settings.CELERY_BROKER_URL).path.strip("/") or "0"
    channels = (f"&{prefix}*", f"&{prefix}/{database}.celery.pidbox", f"&{prefix}/{database}.reply.celery.pidbox")
    return ("reset", "on", f"#{password_hash}", f"~{prefix}*", *channels, *_COMMANDS)


def _has_password(client: redis.Redis, account: str, password_hash: str) -> bool:
    facts = _run(client, "GETUSER", account)
    return bool(facts) and any(password_hash in str(held) for held in facts["passwords"])


def _save(client: redis.Redis) -> None:
    try:
        _run(client, "SAVE")
    except redis.ResponseError:  # no ACL file: then the sweep is what brings accounts back after a restart
        logger.debug("The broker keeps no ACL file")


def _run(client: redis.Redis, command: str, *words: str) -> Any:  # noqa: ANN401 - each command answers in its own form
    return client.execute_command(f"ACL {command}", *words)  # type: ignore[no-untyped-call]


def _connect() -> redis.Redis:
    return redis.Redis.from_url(
        settings.CELERY_BROKER_URL,
        decode_responses=True,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
    )
