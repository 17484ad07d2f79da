"""`manage.py build_recipe`, as a packager uses it."""

import os
import shutil
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.integration.avalanche.agent.bench import EXAMPLES, groups_left, make_sandbox

pytestmark = pytest.mark.nspawn


@pytest.fixture(autouse=True)
def _builder(settings: Settings, tmp_path: Path, group: str) -> None:
    make_sandbox("nspawn", group)
    settings.SERPENT_BUILDER_DIR = tmp_path / "builder"
    settings.SERPENT_MINIMUM_FREE_BYTES = 0


def test_it_writes_the_packages_and_names_them(tmp_path: Path) -> None:
    printed = StringIO()

    call_command("build_recipe", str(EXAMPLES / "greet-data"), "--quiet", output=tmp_path / "made", stdout=printed)

    made = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert made == ["greet-data-3-1-1-x86_64.stone", "manifest.x86_64.bin", "manifest.x86_64.jsonc"]
    assert sorted(line.rpartition("/")[2] for line in printed.getvalue().splitlines()) == made
    # Our own only: another worker of this run may be building a recipe of its own right now.
    assert groups_left(f"serpent-recipe-{os.getpid()}") == []


def test_with_verify_it_fails_where_the_manifest_promises_otherwise(tmp_path: Path) -> None:
    recipe = shutil.copytree(EXAMPLES / "greet-data", tmp_path / "recipe")
    call_command("build_recipe", str(recipe), "--quiet", output=tmp_path / "made", stdout=StringIO())
    for manifest in (tmp_path / "made").glob("manifest.*.bin"):
        shutil.copy(manifest, recipe)
    again = {"output": tmp_path / "again", "stdout": StringIO()}
    call_command("build_recipe", str(recipe), "--quiet", "--verify", **again)

    stone = recipe / "stone.yaml"
    stone.write_text(stone.read_text().replace("release: 1", "release: 2"))
    with pytest.raises(CommandError, match=r"manifest-mismatch: .*all packages share differs(.*\n)*  release: 1 → 2"):
        call_command("build_recipe", str(recipe), "--quiet", "--verify", **again)


def test_a_failure_is_a_sentence_with_the_telling_lines(tmp_path: Path) -> None:
    with pytest.raises(
        CommandError, match=r"phase: The phase build ended with status 1\n(.*\n)*.*broken\.c:5:41: error"
    ):
        call_command("build_recipe", str(EXAMPLES / "broken"), "--quiet", output=tmp_path / "made")

    assert not (tmp_path / "made").exists()
