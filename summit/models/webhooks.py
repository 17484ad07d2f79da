"""Webhooks: which repositories a forge may announce pushes to, and what it delivered lately."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from summit.models.repositories import Repository


class Webhook(models.Model):
    """A repository's door for its forge. `nonce` is no secret: the secret is derived from it and the site's key."""

    repository = models.OneToOneField(Repository, on_delete=models.CASCADE, related_name="webhook")
    nonce = models.CharField(max_length=32, editable=False)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    set_at = models.DateTimeField(editable=False)

    def __str__(self) -> str:
        return f"webhook of {self.repository}"


class DeliveryOutcome(models.TextChoices):
    """What became of a delivery whose signature was right."""

    ACCEPTED = "accepted"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"


class Delivery(models.Model):
    """A delivery that came, once: neither its identifier nor its signature, which is its content's, counts again."""

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="deliveries")
    forge = models.CharField(max_length=16)
    identifier = models.CharField(max_length=100)
    signature = models.CharField(max_length=64)
    event = models.CharField(max_length=60, blank=True)
    outcome = models.CharField(max_length=16, choices=DeliveryOutcome)
    sentence = models.CharField(max_length=500)
    received_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["repository", "identifier"], name="one_delivery_of_an_identifier"),
            models.UniqueConstraint(fields=["repository", "signature"], name="one_delivery_of_a_content"),
            models.CheckConstraint(condition=Q(outcome__in=DeliveryOutcome.values), name="delivery_outcome_is_known"),
        ]
        indexes = [models.Index(fields=["received_at"], name="delivery_received")]

    def __str__(self) -> str:
        return f"{self.event} {self.identifier}"
