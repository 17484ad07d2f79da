"""The WSGI application that gunicorn serves, for pages, agents and live streams alike."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serpent_infra.settings")

application = get_wsgi_application()
