"""How sign-up behaves: closed unless the farm says otherwise."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Opens sign-up only where SERPENT_OPEN_SIGNUP says so; social accounts follow the same rule."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Says whether a stranger may open an account."""
        return bool(settings.SERPENT_OPEN_SIGNUP)
