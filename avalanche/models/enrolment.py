"""One-shot codes by which a machine joins."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from avalanche.models.builders import Builder


class EnrolmentRefused(Exception):
    """The code is unknown, has expired, or has been used."""


class EnrolmentCodeQuerySet(models.QuerySet["EnrolmentCode"]):
    """Finds codes by what they are worth, and redeems them."""

    def redeemable(self, code: str, *, at: datetime) -> Self:
        """Narrows to the unused, unexpired code that this is."""
        return self.filter(code_hash=hash_code(code), used_at__isnull=True, expires_at__gt=at)

    def redeem(self, code: str, *, at: datetime) -> "EnrolmentCode":
        """Uses a code up and gives it; of two who try the same code one is refused with `EnrolmentRefused`."""
        found = self.redeemable(code, at=at).select_related("builder").first()
        # The second look is the compare-and-set: whoever updates the row has it.
        if found is None or not self.redeemable(code, at=at).update(used_at=at):
            raise EnrolmentRefused("The enrolment code is unknown, has expired, or has been used.")
        found.used_at = at
        return found

    def stale(self, *, at: datetime) -> Self:
        """Narrows to codes that nobody can use any more."""
        return self.filter(models.Q(used_at__isnull=False) | models.Q(expires_at__lte=at))


class EnrolmentCode(models.Model):
    """The right to become one certain builder, once, within minutes; only the code's hash is kept."""

    builder = models.ForeignKey("avalanche.Builder", on_delete=models.CASCADE, related_name="enrolment_codes")
    code_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = EnrolmentCodeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"code of {self.builder_id}, until {self.expires_at:%H:%M}"

    @classmethod
    def issue(cls, *, builder: "Builder", at: datetime, lifetime: timedelta) -> tuple[Self, str]:
        """Makes a code and gives it with its text, which is shown this once; earlier codes of the builder lapse."""
        cls.objects.filter(builder=builder, used_at__isnull=True).update(expires_at=at)
        text = secrets.token_hex(32)  # never begins with a hyphen, like an option would
        code = cls.objects.create(builder=builder, code_hash=hash_code(text), created_at=at, expires_at=at + lifetime)
        return code, text


def hash_code(code: str) -> str:
    """Hashes a code; 256 random bits need no salt."""
    return hashlib.sha256(code.encode()).hexdigest()
