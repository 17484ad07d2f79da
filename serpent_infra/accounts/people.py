"""Who is asking, in our own type."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from serpent_infra.accounts.models import User


def signed_in(request: HttpRequest) -> User:
    """Gives the person behind a request; raises `PermissionDenied` for a visitor."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
