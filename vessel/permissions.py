"""Who may do what with what is published; pages and the API ask the same functions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from serpent_infra.accounts.models import User


def can_move_streams(user: "User | AnonymousUser") -> bool:
    """Says whether somebody may promote and roll back."""
    return user.is_active and user.has_perm("vessel.change_stream")


def can_tag(user: "User | AnonymousUser") -> bool:
    """Says whether somebody may name a version, and take the name away."""
    return user.is_active and user.has_perm("vessel.add_tag")
