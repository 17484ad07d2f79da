"""The project itself as an application: checks, commands and template tags that belong to no app."""

from importlib import import_module

from django.apps import AppConfig


class SerpentInfraConfig(AppConfig):
    """Registers the project's system checks."""

    name = "serpent_infra"

    def ready(self) -> None:
        """Loads the checks, which register themselves."""
        import_module("serpent_infra.checks")
