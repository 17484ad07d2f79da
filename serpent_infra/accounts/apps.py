"""The accounts application."""

from importlib import import_module

from django.apps import AppConfig, apps


class AccountsConfig(AppConfig):
    """People and service tokens."""

    name = "serpent_infra.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Loads the schema's extension, which registers itself, where there is a schema: not on a builder."""
        if apps.is_installed("drf_spectacular"):
            import_module("serpent_infra.accounts.schema")
