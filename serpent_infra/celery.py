"""The Celery application of every role; tasks are found in each app's `tasks.py`."""

import os
import warnings

from celery import Celery, Task
from celery.exceptions import SecurityWarning
from celery.signals import task_postrun, task_prerun
from django.db import close_old_connections

# A builder's slots need root for systemd-nspawn; Celery warns because of pickle, and nothing here accepts pickle.
warnings.filterwarnings("ignore", category=SecurityWarning)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serpent_infra.settings")

app = Celery("serpent_infra")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
@task_postrun.connect
def look_after_connections(task: "Task[..., object]", **_extra: object) -> None:
    """Closes connections that are broken or too old, as a request does; Celery would close all around every task."""
    if not task.request.is_eager:
        close_old_connections()
