"""How a machine joins: it shows a one-shot code and a public key, and receives the hub's key and a broker account."""

import re
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import IntegrityError, transaction

from avalanche import broker
from avalanche.models import Builder, EnrolmentCode
from avalanche.refusals import InvalidField
from avalanche.statuses import Tier
from serpent_infra.accounts.models import User
from serpent_infra.wire import tokens
from serpent_infra.wire.builders import EnrolAnswer, EnrolRequest
from serpent_infra.wire.names import BUILDER_PATTERN

CODE_LIFETIME = timedelta(minutes=15)
HUB_KEY_FILE = "hub.pem"
ADDRESS_LENGTH = 300


def hub_key() -> Ed25519PrivateKey:
    """Reads the key by which the hub speaks to builders."""
    return tokens.load_or_create_key(settings.SERPENT_SECRETS_DIR / HUB_KEY_FILE)


class NameRefused(Exception):
    """No builder may be called that."""


def issue_code(
    *, name: str, tier: Tier, at: datetime, owner: User | None = None, lifetime: timedelta = CODE_LIFETIME
) -> str:
    """Gives a one-shot code for a builder, registering it where it is unknown; raises `NameRefused`.

    A known builder keeps its tier and owner: a code is no way to be promoted.
    """
    if re.match(BUILDER_PATTERN, name) is None or name == tokens.HUB:
        raise NameRefused(f"A builder cannot be called {name!r}: lower-case letters, digits and hyphens, not `hub`.")
    with transaction.atomic():
        builder = Builder.objects.filter(name=name).first()
        if builder is None:
            _, code = Builder.objects.create_with_code(name=name, tier=tier, owner=owner, at=at, lifetime=lifetime)
        else:
            _, code = EnrolmentCode.issue(builder=builder, at=at, lifetime=lifetime)
    return code


def enrol(request: EnrolRequest, *, at: datetime) -> EnrolAnswer:
    """Redeems a code for the builder it was made for, and gives that machine what it needs to work.

    Raises `EnrolmentRefused` for a code that is worth nothing, `InvalidField` for a key or an address that cannot be.
    """
    _check(request)
    password, password_hash = broker.make_password()
    try:
        with transaction.atomic():
            code = EnrolmentCode.objects.redeem(request.code, at=at)
            builder = code.builder
            builder.enrol(request, broker_password_hash=password_hash, at=at)
            transaction.on_commit(partial(broker.apply_accounts, [(builder.name, password_hash)]))
    except IntegrityError as error:
        raise InvalidField("public_key", "is the key of another builder") from error
    return EnrolAnswer(
        builder=builder.name,
        hub_public_key=tokens.public_text(hub_key()),
        broker_uri=broker.account_uri(name=builder.name, password=password),
        broker_prefix=builder.broker_prefix,
    )


def revoke(builder: Builder) -> None:
    """Believes a builder no more, and ends its broker account."""
    with transaction.atomic():
        builder.revoke()
        transaction.on_commit(partial(broker.remove_account, builder.name))


def restore_accounts() -> int:
    """Makes the broker accounts that the broker has forgotten; gives how many."""
    enrolled = Builder.objects.enrolled().values_list("name", "broker_password_hash")
    return broker.apply_accounts(list(enrolled)) if enrolled else 0


def _check(request: EnrolRequest) -> None:
    try:
        tokens.parse_public(request.public_key)
    except tokens.TokenRefused as error:
        raise InvalidField("public_key", str(error)) from error
    if len(request.address) > ADDRESS_LENGTH:
        raise InvalidField("address", "is too long")
    if len({slot.index for slot in request.slots}) != len(request.slots):
        raise InvalidField("slots", "name an index twice")
    try:
        address = urlsplit(request.address)
        is_plain = address.port != 0 and not (address.username or address.query or address.fragment)
    except ValueError as error:
        raise InvalidField("address", "is no URL") from error
    if address.scheme not in {"http", "https"} or not address.hostname or not is_plain:
        raise InvalidField("address", "must be http(s)://host[:port][/path]")
