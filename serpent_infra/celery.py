"""The Celery application of every role; tasks are found in each app's `tasks.py`."""

import os
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning

# A builder's slots need root for systemd-nspawn; Celery warns because of pickle, and nothing here accepts pickle.
warnings.filterwarnings("ignore", category=SecurityWarning)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serpent_infra.settings")

app = Celery("serpent_infra")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
