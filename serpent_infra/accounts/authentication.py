"""How a script signs in to the REST API: `Authorization: Bearer srp_…`."""

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from serpent_infra.accounts.models import TOKEN_PREFIX, ServiceToken, User

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class ServiceTokenAuthentication(BaseAuthentication):
    """Signs in the owner of a service token; a read-only token is refused everything that changes."""

    def authenticate(self, request: Request) -> tuple[User, ServiceToken] | None:
        """Gives the owner and the token, or None where the header carries no token of ours."""
        scheme, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not secret.startswith(TOKEN_PREFIX):
            return None
        token = ServiceToken.objects.valid(secret, at=timezone.now()).select_related("owner").first()
        if token is None or not token.owner.is_active:
            raise AuthenticationFailed("The token is unknown or has expired.")
        if token.is_read_only and request.method not in SAFE_METHODS:
            raise PermissionDenied("The token is read-only.")
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - REST framework's signature
        """Names the scheme in the answer to an unauthenticated request."""
        return "Bearer"
