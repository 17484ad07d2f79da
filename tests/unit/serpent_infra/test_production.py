"""Production: it starts with what the guides name, and without it says what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent
HUB = {
    "SERPENT_ROLE": "hub",
    "SERPENT_SECRET_KEY": "a-key-of-more-than-fifty-characters-made-only-for-this-one-test-0123456789",
    "SERPENT_ALLOWED_HOSTS": "build.example.org",
    "SERPENT_BROKER_URL": "redis://:secret@127.0.0.1:1/0",
    "SERPENT_HUB_URL": "https://build.example.org",
}
BUILDER = {"SERPENT_ROLE": "builder", "SERPENT_BUILDER_URL": "https://oak.example.org:8002"}


def check(state_dir: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SERPENT_")}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "check", "--deploy"],
        env=inherited | {"SERPENT_PRODUCTION": "true", "SERPENT_STATE_DIR": str(state_dir)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("chosen", [HUB, BUILDER], ids=["hub", "builder"])
def test_it_starts_with_what_the_guides_name(chosen: dict[str, str], tmp_path: Path) -> None:
    outcome = check(tmp_path, chosen)
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("name", ["SERPENT_SECRET_KEY", "SERPENT_ALLOWED_HOSTS", "SERPENT_BROKER_URL"])
def test_a_hub_without_a_secret_does_not_start_and_names_it(name: str, tmp_path: Path) -> None:
    outcome = check(tmp_path, {key: value for key, value in HUB.items() if key != name})
    assert outcome.returncode != 0
    assert f"Set the {name} environment variable" in outcome.stderr


def test_a_role_that_does_not_exist_is_named(tmp_path: Path) -> None:
    outcome = check(tmp_path, HUB | {"SERPENT_ROLE": "king"})
    assert "SERPENT_ROLE is 'king'; it must be one of all, hub, builder" in outcome.stderr
