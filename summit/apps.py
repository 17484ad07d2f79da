"""The summit application."""

from django.apps import AppConfig


class SummitConfig(AppConfig):
    """Registers summit with Django."""

    name = "summit"
