"""The project itself as an application: checks, commands and template tags that belong to no app."""

from importlib import import_module

from django.apps import AppConfig

# Before any task is found: shared tasks belong to the application that exists by then. It does not stand in the package
# itself, so that the formats and the `serpent` command load neither Celery nor Django.
from serpent_infra.celery import app as celery_app

__all__ = ["SerpentInfraConfig", "celery_app"]


class SerpentInfraConfig(AppConfig):
    """Registers the project's system checks."""

    name = "serpent_infra"

    def ready(self) -> None:
        """Loads the checks, which register themselves."""
        import_module("serpent_infra.checks")
