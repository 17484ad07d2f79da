"""Who may act: people, and the tokens by which their scripts act for them."""

import hashlib
import secrets
from datetime import datetime
from typing import ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

TOKEN_PREFIX = "srp_"  # lets secret scanners recognise a leaked token  # noqa: S105


class User(AbstractUser):
    """A person; ours from the first migration, so that it can grow."""

    objects: ClassVar[UserManager[Self]]


class ServiceTokenQuerySet(models.QuerySet["ServiceToken"]):
    """Finds tokens by their secret."""

    def valid(self, secret: str, *, at: datetime) -> Self:
        """Narrows to the unexpired token whose secret this is."""
        return self.filter(secret_hash=hash_secret(secret)).filter(
            models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=at)
        )


class ServiceToken(models.Model):
    """Lets a script act for its owner through the REST API; only the hash of its secret is kept."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="service_tokens")
    name = models.CharField(max_length=100)
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    is_read_only = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = ServiceTokenQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="one_token_of_a_name_per_owner")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(
        cls, *, owner: User, name: str, is_read_only: bool, expires_at: datetime | None
    ) -> tuple["ServiceToken", str]:
        """Makes a token and gives it with its secret, which is shown this once and never stored."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        token = cls.objects.create(
            owner=owner,
            name=name,
            secret_hash=hash_secret(secret),
            is_read_only=is_read_only,
            expires_at=expires_at,
        )
        return token, secret


def hash_secret(secret: str) -> str:
    """Hashes a token's secret; 256 random bits need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()
