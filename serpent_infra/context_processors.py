"""What every template may say about the site."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:  # noqa: ARG001 - Django's signature
    """Gives the addresses of the live streams and of the published repository, and whether strangers may sign up."""
    return {
        "live_url": settings.SERPENT_LIVE_URL,
        "repository_url": settings.SERPENT_REPOSITORY_URL,
        "open_signup": settings.SERPENT_OPEN_SIGNUP,
    }
