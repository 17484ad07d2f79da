"""The vessel application."""

from django.apps import AppConfig


class VesselConfig(AppConfig):
    """Registers vessel with Django."""

    name = "vessel"
