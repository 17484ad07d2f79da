"""Tokens between hub and builders: every way in which one may be wrong is refused."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from serpent_infra.wire import tokens
from serpent_infra.wire.tokens import TokenRefused

KEY = Ed25519PrivateKey.generate()


def accept(token: str, *, key: Ed25519PrivateKey = KEY, issuer: str = "b1", audience: str = "hub") -> None:
    tokens.verify(token, key=key.public_key(), issuer=issuer, audience=audience)


def test_a_fresh_token_is_accepted() -> None:
    token = tokens.sign(KEY, issuer="b1", audience="hub")
    accept(token)
    assert tokens.claimed_issuer(token) == "b1"


@pytest.mark.parametrize(("issuer", "audience"), [("b2", "hub"), ("b1", "b2")])
def test_a_token_for_others_is_refused(issuer: str, audience: str) -> None:
    with pytest.raises(TokenRefused):
        accept(tokens.sign(KEY, issuer="b1", audience="hub"), issuer=issuer, audience=audience)


def test_another_key_is_refused() -> None:
    with pytest.raises(TokenRefused):
        accept(tokens.sign(Ed25519PrivateKey.generate(), issuer="b1", audience="hub"))


@pytest.mark.parametrize("age", [timedelta(minutes=-10), timedelta(minutes=10)])
def test_a_token_from_another_time_is_refused(age: timedelta) -> None:
    with pytest.raises(TokenRefused):
        accept(tokens.sign(KEY, issuer="b1", audience="hub", at=datetime.now(UTC) - age))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "." * 3, "eyJhbGciOiJub25lIn0.eyJpc3MiOiJiMSJ9."])
def test_garbage_is_refused_and_never_crashes(token: str) -> None:
    with pytest.raises(TokenRefused):
        accept(token)


def test_a_symmetric_token_made_from_the_public_key_is_refused() -> None:
    claims = {"iss": "b1", "aud": "hub", "iat": 0, "exp": 4102444800, "jti": "x"}
    with pytest.raises(TokenRefused):
        accept(jwt.encode(claims, tokens.public_text(KEY), algorithm="HS256"))


def test_public_keys_round_trip_and_nonsense_is_refused() -> None:
    assert tokens.parse_public(tokens.public_text(KEY)) == KEY.public_key()
    with pytest.raises(TokenRefused):
        tokens.parse_public("nonsense")


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key.pem"
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda _: tokens.public_text(tokens.load_or_create_key(path)), range(16)))
    assert len(texts) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
