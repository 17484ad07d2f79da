"""Who this builder is: its key, and what enrolment answered, kept in SERPENT_BUILDER_DIR."""

import os
from pathlib import Path
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from serpent_infra.wire import tokens
from serpent_infra.wire.builders import EnrolAnswer

KEY_FILE = "key.pem"
IDENTITY_FILE = "identity.json"


class NotEnrolled(Exception):
    """This machine has not joined a hub yet."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a builder keeps of its enrolment."""

    builder: str
    hub_uri: str
    hub_public_key: str
    broker_uri: str
    broker_prefix: str

    @classmethod
    def from_answer(cls, answer: EnrolAnswer, *, hub_uri: str) -> "Identity":
        """Takes from an enrolment's answer what is to be kept."""
        return cls(
            builder=answer.builder,
            hub_uri=hub_uri.rstrip("/"),
            hub_public_key=answer.hub_public_key,
            broker_uri=answer.broker_uri,
            broker_prefix=answer.broker_prefix,
        )

    def environment(self) -> dict[str, str]:
        """Gives the variables with which this builder's Celery workers and processes are started."""
        return {
            "SERPENT_ROLE": "builder",
            "SERPENT_BUILDER_NAME": self.builder,
            "SERPENT_HUB_URL": self.hub_uri,
            "SERPENT_BROKER_URL": self.broker_uri,
            "SERPENT_BROKER_PREFIX": self.broker_prefix,
        }


def load_key(builder_dir: Path) -> Ed25519PrivateKey:
    """Reads this builder's private key, making one where there is none yet."""
    return tokens.load_or_create_key(builder_dir / KEY_FILE)


def load(builder_dir: Path) -> Identity:
    """Reads who this builder is; raises `NotEnrolled`."""
    try:
        body = (builder_dir / IDENTITY_FILE).read_bytes()
    except FileNotFoundError:
        raise NotEnrolled(f"{builder_dir} holds no identity: run `manage.py enrol <hub url> <code>`") from None
    return msgspec.json.decode(body, type=Identity)


def save(identity: Identity, builder_dir: Path) -> None:
    """Writes who this builder is, readable by its user only, whole or not at all."""
    builder_dir.mkdir(parents=True, exist_ok=True)
    fresh = builder_dir / f".{IDENTITY_FILE}.{uuid4().hex}"
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(identity)))
    os.replace(fresh, builder_dir / IDENTITY_FILE)  # noqa: PTH105 - the same name as in POSIX, where it is atomic
