"""What every answer of the hub says to browsers besides its content."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]


def content_security_policy(get_response: Handler) -> Handler:
    """Lets pages run our own scripts and styles only, and speak to the hub and its live streams only.

    Recipes, logs and READMEs are written by strangers: should their text ever escape its quotes, it does nothing.
    """
    policy = "; ".join(
        [
            "default-src 'self'",
            f"connect-src 'self' {settings.SERPENT_LIVE_URL}",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )

    def handle(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return handle
