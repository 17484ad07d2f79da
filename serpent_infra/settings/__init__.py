"""Django's settings, assembled from one module a concern; every variable is `SERPENT_*` and read once.

docs/reference/settings.md lists the variables; a test compares the two.
"""

import django_stubs_ext

from serpent_infra.settings.applications import *
from serpent_infra.settings.database import *
from serpent_infra.settings.environment import *
from serpent_infra.settings.installation import *
from serpent_infra.settings.messaging import *
from serpent_infra.settings.observability import *
from serpent_infra.settings.security import *
from serpent_infra.settings.web import *

# Lets Django's generic classes (ModelAdmin[Builder]) carry their types at run time, too.
django_stubs_ext.monkeypatch()

WSGI_APPLICATION = "serpent_infra.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
