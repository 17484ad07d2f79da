"""The secret that a forge signs with: derived from the site's key, so that no row, page or dump holds it."""

import secrets
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import salted_hmac

from serpent_infra.accounts.models import User
from summit.models import Repository, Webhook

_SALT = "summit.webhooks"


def set_secret(repository: Repository, *, by: User | None, at: datetime) -> str:
    """Gives a repository a new secret, which is told this once; the one before holds no longer."""
    webhook, _ = Webhook.objects.update_or_create(
        repository=repository, defaults={"nonce": secrets.token_hex(16), "set_by": by, "set_at": at}
    )
    return _derive(webhook, settings.SECRET_KEY)


def remove_secret(repository: Repository) -> None:
    """Takes the secret away: no delivery is right any more."""
    Webhook.objects.filter(repository=repository).delete()


def secrets_of(webhook: Webhook) -> list[str]:
    """Gives the secret under the site's key, and under each that was replaced and still counts."""
    return [_derive(webhook, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def address_of(repository: Repository) -> str:
    """Gives the address that the forge is to deliver to."""
    path = reverse("summit:webhook", args=[repository.project.slug, repository.slug])
    return f"{settings.SERPENT_HUB_URL}{path}"


def _derive(webhook: Webhook, key: str | bytes) -> str:
    value = f"{webhook.repository_id}:{webhook.nonce}"
    return salted_hmac(_SALT, value, secret=key, algorithm="sha256").hexdigest()
