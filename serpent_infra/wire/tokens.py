"""Short-lived EdDSA tokens (JWT, RFC 7519 and RFC 8037): who speaks, to whom, for one minute."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

HUB = "hub"
LIFETIME = timedelta(seconds=60)
LEEWAY = timedelta(seconds=30)


class TokenRefused(Exception):
    """The token is malformed, expired, for somebody else, or not signed by the key it names."""


def load_or_create_key(path: Path) -> Ed25519PrivateKey:
    """Reads the private key at `path`, making one with mode 0600 where there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        fresh = path.with_name(f".{path.name}.{uuid4().hex}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(pem)
        try:
            path.hardlink_to(fresh)  # the first of several processes wins, all read the same key
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(loaded, Ed25519PrivateKey):
        raise TokenRefused(f"{path.name} holds no Ed25519 key")
    return loaded


def public_text(key: Ed25519PrivateKey) -> str:
    """Gives the public half as unpadded URL-safe base64 (43 characters)."""
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parse_public(text: str) -> Ed25519PublicKey:
    """Reads what `public_text` wrote; raises `TokenRefused` when it is no key."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "="))
    except ValueError as error:
        raise TokenRefused("not an Ed25519 public key") from error


def sign(key: Ed25519PrivateKey, *, issuer: str, audience: str, at: datetime | None = None) -> str:
    """Makes a token by which `issuer` speaks to `audience` for the next minute."""
    now = at or datetime.now(UTC)
    claims = {"iss": issuer, "aud": audience, "iat": now, "exp": now + LIFETIME, "jti": uuid4().hex}
    return jwt.encode(claims, key, algorithm="EdDSA")


def claimed_issuer(token: str) -> str:
    """Reads who a token says it is from, unverified, to look up that issuer's key; raises `TokenRefused`."""
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.PyJWTError as error:
        raise TokenRefused("malformed token") from error
    if not isinstance(issuer, str):
        raise TokenRefused("token names no issuer")
    return issuer


def verify(token: str, *, key: Ed25519PublicKey, issuer: str, audience: str) -> None:
    """Checks signature, issuer, audience and lifetime; raises `TokenRefused` with the reason."""
    try:
        jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            audience=audience,
            issuer=issuer,
            leeway=LEEWAY,
            options={"require": ["iss", "aud", "iat", "exp", "jti"]},
        )
    except jwt.PyJWTError as error:
        raise TokenRefused(str(error)) from error
