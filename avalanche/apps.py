"""The avalanche application."""

from importlib import import_module

from django.apps import AppConfig


class AvalancheConfig(AppConfig):
    """Registers avalanche and its system checks with Django."""

    name = "avalanche"

    def ready(self) -> None:
        """Loads the checks, which register themselves."""
        import_module("avalanche.checks")
