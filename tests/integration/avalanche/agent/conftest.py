"""Sandboxes and benches, one control group a test."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.avalanche.agent.bench import Bench, make_sandbox


@pytest.fixture
def group() -> str:
    return f"serpent-test-{uuid4().hex[:8]}"


@pytest.fixture
def bench(tmp_path: Path, group: str) -> Bench:
    return Bench(directory=tmp_path, sandbox=make_sandbox("nspawn", group))
