"""The project: settings, URLs, the Celery application, and the layers that all three apps stand on."""

from serpent_infra.celery import app as celery_app

__all__ = ["celery_app"]
