"""Directories of its own for every test that publishes, and a builder to fetch from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.fakes.builder import Builder, serve


@pytest.fixture(autouse=True)
def public_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.SERPENT_PUBLIC_DIR = tmp_path / "public"
    settings.SERPENT_IMPORTS_DIR = tmp_path / "imports"
    settings.SERPENT_SECRETS_DIR = tmp_path / "secrets"
    return tmp_path / "public"


@pytest.fixture
def stones(tmp_path: Path) -> Path:
    directory = tmp_path / "stones"
    directory.mkdir()
    return directory


@pytest.fixture
def builder(stones: Path) -> Iterator[Builder]:
    with serve(stones) as running:
        yield running
