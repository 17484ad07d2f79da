"""The project: settings, URLs, the Celery application, and the layers that all three apps stand on."""
