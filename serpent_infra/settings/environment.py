"""Where settings come from: the environment, the role of this process, and its state directory."""

import contextlib
import secrets
from enum import StrEnum
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()  # type: ignore[no-untyped-call] # the library annotates its readers only

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent


class Role(StrEnum):
    """What a machine is: the embedded default, the hub alone, or a builder alone."""

    ALL = "all"
    HUB = "hub"
    BUILDER = "builder"


def _role() -> Role:
    text = env.str("SERPENT_ROLE", default=Role.ALL)
    try:
        return Role(text)
    except ValueError:
        raise ImproperlyConfigured(f"SERPENT_ROLE is {text!r}; it must be one of {', '.join(Role)}") from None


SERPENT_ROLE = _role()
IS_HUB = SERPENT_ROLE in {Role.ALL, Role.HUB}
# In production nothing secret has a default: a missing variable stops the start.
SERPENT_PRODUCTION: bool = env.bool("SERPENT_PRODUCTION", default=False)
SERPENT_STATE_DIR: Path = Path(env.str("SERPENT_STATE_DIR", default=str(PROJECT_DIR / "var"))).resolve()


def embedded_secret(name: str) -> str:
    """Keeps a random secret of the embedded installation in its state directory, so that it outlives a restart."""
    path = SERPENT_STATE_DIR / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{name}.{secrets.token_hex(8)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        # The first of several starting processes wins, and all read the same secret.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)
        fresh.unlink()
    return path.read_text()
