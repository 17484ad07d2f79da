"""A recipe in real git, and what brings its next release before its reviewers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from summit import planning
from summit.models import Profile, Project, Repository, Submission
from summit.refresh import refresh_repository
from tests.factories.summit import AT, GitTree, make_repository, recipe_text
from tests.integration import pages
from tests.integration.summit.difference.proposing import built

strict_templates = pages.strict_templates


@pytest.fixture
def tree(tmp_path: Path) -> GitTree:
    tree = GitTree(tmp_path / "origin")
    tree.write("README.md", "# Recipes\n")
    tree.commit("Begin")
    tree.write("n/nano/stone.yaml", recipe_text("nano"))
    tree.write("n/nano/pkg/fix.patch", "a patch\n")
    tree.commit("Add nano")
    return tree


@pytest.fixture
def repository(project: Project, tree: GitTree) -> Repository:
    return make_repository(project, origin_uri=str(tree.path), needs_review=True)


@pytest.fixture
def propose(repository: Repository, profile: Profile) -> Callable[[], Submission]:
    """Reads what is in git and plans it; gives the newest submission."""

    def look() -> Submission:
        assert refresh_repository(repository, at=AT).error == ""
        planning.plan(profile, at=AT)
        newest = Submission.objects.order_by("-pk").first()
        assert newest is not None
        return newest

    return look


@pytest.fixture
def next_release(tree: GitTree, propose: Callable[[], Submission]) -> Callable[[], Submission]:
    """Proposes release 2 of what was built as release 1, with whatever else stands in the tree."""
    built(propose())

    def go() -> Submission:
        tree.write("n/nano/stone.yaml", recipe_text("nano", version="1.1", release=2))
        tree.commit("Update nano")
        return propose()

    return go
