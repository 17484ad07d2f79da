"""A builder whose copy of a repository is damaged builds all the same: that is no fault of the recipe's."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from avalanche.agent.tools.builtin.checkout import check_out
from avalanche.agent.tools.protocol import BuildFailed, Job
from serpent_infra.git import Mirror
from serpent_infra.wire.reports import FailureKind
from tests.factories.summit import GitTree, recipe_text


@pytest.fixture
def tree(tmp_path: Path) -> GitTree:
    tree = GitTree(tmp_path / "origin")
    tree.write("z/zlib/stone.yaml", recipe_text("zlib"))
    tree.commit("Begin")
    return tree


def job_of(tree: GitTree, tmp_path: Path, commit: str) -> Job:
    source = SimpleNamespace(origin_uri=str(tree.path), commit=commit, recipe_path="z/zlib/stone.yaml")
    order = SimpleNamespace(source=source, source_name="zlib", version="1.0", release=1)
    recipe_dir = tmp_path / f"recipe-{commit[:8]}"
    means = SimpleNamespace(cache_dir=tmp_path / "cache", git_timeout=60)
    return cast("Job", SimpleNamespace(order=order, means=means, workspace=SimpleNamespace(recipe_dir=recipe_dir)))


def test_a_lost_object_is_fetched_again(tree: GitTree, tmp_path: Path) -> None:
    job = job_of(tree, tmp_path, tree.git("rev-parse", "HEAD"))
    mirror = Mirror.under(job.means.cache_dir / "mirrors", str(tree.path))
    mirror.fetch(timeout=60)
    [pack] = (mirror.path / "objects/pack").glob("*.pack")
    data = pack.read_bytes()
    for part in pack.parent.iterdir():
        part.unlink()
    subprocess.run(["git", "unpack-objects", "-q"], cwd=mirror.path, input=data, check=True)
    lost = tree.git("rev-parse", "HEAD:z/zlib/stone.yaml")
    (mirror.path / "objects" / lost[:2] / lost[2:]).unlink()
    assert check_out(job).name == "zlib"
    assert (job.workspace.recipe_dir / "stone.yaml").read_text() == recipe_text("zlib")


def test_a_commit_that_nobody_has_any_more_is_named(tree: GitTree, tmp_path: Path) -> None:
    job = job_of(tree, tmp_path, "3" * 40)
    with pytest.raises(BuildFailed, match="no commit 333333333333") as caught:
        check_out(job)
    assert caught.value.failure.kind is FailureKind.RECIPE
