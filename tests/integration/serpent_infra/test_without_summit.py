"""The site boots with avalanche and vessel alone: what is not installed has no pages and no place in the sidebar."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
settings.ALLOWED_HOSTS = ["testserver"]
call_command("migrate", verbosity=0)
client = Client()
for uri in ("/", "/builders/", "/channels/", "/users/", "/search/?q=a", "/accounts/login/", "/builds/"):
    response = client.get(uri)
    print(uri, response.status_code, b"/queue/" in response.content)
"""


def test_pages_stand_without_summit(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SERPENT_")},
        "DJANGO_SETTINGS_MODULE": "serpent_infra.settings",
        "SERPENT_APPS": "avalanche,vessel",
        "SERPENT_BROKER_URL": "memory://",
        "SERPENT_STATE_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "/ 200 False",
        "/builders/ 200 False",
        "/channels/ 200 False",
        "/users/ 200 False",
        "/search/?q=a 200 False",
        "/accounts/login/ 200 False",
        "/builds/ 404 False",
    ]
