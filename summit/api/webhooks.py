"""A repository's webhook over REST: those who manage it set the secret and read what was delivered."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from serpent_infra.accounts.models import User
from summit import webhooks
from summit.api.recipes import find_repository
from summit.models import Delivery, Repository, Webhook

LATEST = 100


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One delivery whose signature was right, and what became of it."""

    class Meta:
        model = Delivery
        fields = ("received_at", "forge", "event", "identifier", "outcome", "sentence")


class WebhookSerializer(serializers.Serializer[Any]):
    """Where a forge delivers to, since when there is a secret (null: there is none), and what came lately."""

    address = serializers.CharField()
    set_at = serializers.DateTimeField(allow_null=True)
    deliveries = DeliverySerializer(many=True)


class SecretSerializer(serializers.Serializer[Any]):
    """A new secret; it is told this once."""

    address = serializers.CharField()
    secret = serializers.CharField()


class RepositoryWebhook(APIView):
    """The webhook of a repository; 403 without the right to manage it."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=WebhookSerializer)
    def get(self, request: Request, project: str, repository: str) -> Response:
        """Reads how it stands; never the secret."""
        found = _managed(request, project, repository)
        webhook = Webhook.objects.filter(repository=found).first()
        shown = {
            "address": webhooks.address_of(found),
            "set_at": webhook.set_at if webhook else None,
            "deliveries": found.deliveries.order_by("-received_at", "-pk")[:LATEST],
        }
        return Response(WebhookSerializer(shown).data)

    @extend_schema(request=None, responses={201: SecretSerializer})
    def post(self, request: Request, project: str, repository: str) -> Response:
        """Makes a new secret, and gives it this once; the one before holds no longer."""
        found = _managed(request, project, repository)
        by = request.user if isinstance(request.user, User) else None
        secret = webhooks.set_secret(found, by=by, at=timezone.now())
        answer = {"address": webhooks.address_of(found), "secret": secret}
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, project: str, repository: str) -> Response:
        """Takes the secret away."""
        webhooks.remove_secret(_managed(request, project, repository))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _managed(request: Request, project: str, repository: str) -> Repository:
    found = find_repository(request, project, repository)
    if not found.can_manage(request.user):
        raise PermissionDenied
    return found
