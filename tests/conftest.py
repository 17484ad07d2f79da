"""Fixtures that every suite uses: real data, unpacked once a run, and quick passwords."""

import fcntl
import tarfile
from pathlib import Path

import pytest
from pytest_django import Settings

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
RECIPES_ARCHIVE = "aerynos-recipes-2026-08-08.tar.xz"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real stones and recipes beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no ../shared/data beside the project")
    return SHARED_DATA


@pytest.fixture(scope="session")
def recipe_tree(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real recipe tree, unpacked once for all workers of a run; read it, never write it."""
    # Workers of one run share the parent of their base directory; a run without workers has its own.
    base = tmp_path_factory.getbasetemp()
    common = base.parent if base.name.startswith("popen-") else base
    target = common / "recipes"
    with (common / "recipes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            partial = common / "recipes.partial"
            with tarfile.open(shared_data / RECIPES_ARCHIVE) as archive:
                archive.extractall(partial, filter="data")
            partial.rename(target)
    inner = list(target.iterdir())
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else target


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _fresh_forecasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test is told what was foreseen in another, or before its latest change."""
    from summit import outlook  # noqa: PLC0415 - settings of a run are chosen after this file is read

    outlook.forget()
    monkeypatch.setattr(outlook, "KEPT_FOR", 0.0)
