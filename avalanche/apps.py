"""The avalanche application."""

from django.apps import AppConfig


class AvalancheConfig(AppConfig):
    """Registers avalanche with Django."""

    name = "avalanche"
