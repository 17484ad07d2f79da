"""What the apps' administration pages share."""

from django.db.models import Model
from django.http import HttpRequest


class ReadOnly:
    """Shows rows, and lets nobody add, change or delete them here."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's
        """Says no."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's
        """Says no."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's
        """Says no."""
        return False
