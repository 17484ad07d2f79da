"""Against what a proposal is held: nothing gets by its reviewer because another proposal was there before."""

import shutil
from collections.abc import Callable

import pytest
from django.test import Client

from summit import difference
from summit.models import BuildTask, Profile, Repository, Submission
from summit.refresh import refresh_repository
from summit.states import TaskStatus
from tests.factories.summit import AT, GitTree, recipe_text
from tests.integration.summit.difference.proposing import files_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors", "strict_templates")]


def test_a_new_recipe_is_new_as_a_whole(propose: Callable[[], Submission]) -> None:
    [recipe] = difference.page_of(propose()).recipes
    assert (recipe.base.commit, recipe.base.task) == ("", None)
    stone, patch = recipe.found.files
    assert (stone.path, stone.kind, stone.notes) == ("stone.yaml", "added", ())
    assert stone.text.splitlines()[:2] == ["@@ -0,0 +1,7 @@", "+name: nano"]
    assert (patch.path, patch.text) == ("pkg/fix.patch", "@@ -0,0 +1,1 @@\n+a patch\n")


def test_a_change_is_held_against_what_was_built_last(next_release: Callable[[], Submission], tree: GitTree) -> None:
    submission = next_release()
    [recipe] = difference.page_of(submission).recipes
    assert recipe.base.task == BuildTask.objects.get(status=TaskStatus.COMPLETED)
    [stone] = recipe.found.files
    assert stone.text == (
        "@@ -1,6 +1,6 @@\n"
        " name: nano\n"
        '-version: "1.0"\n'
        "-release: 1\n"
        '+version: "1.1"\n'
        "+release: 2\n"
        " homepage: https://example.org/nano\n"
        " license: MPL-2.0\n"
        " summary: The nano thing\n"
    )
    assert [(line.before, line.after) for line in stone.lines[1:4]] == [(1, 1), (2, None), (3, None)]


def test_a_proposal_in_the_place_of_another_shows_the_changes_of_both(
    next_release: Callable[[], Submission], tree: GitTree, propose: Callable[[], Submission]
) -> None:
    tree.write("n/nano/pkg/backdoor.sh", "evil\n")
    first = next_release()
    tree.write("n/nano/stone.yaml", recipe_text("nano", version="1.2", release=3))
    tree.commit("Update nano once more")
    second = propose()
    assert first.tasks.get().status == TaskStatus.SUPERSEDED
    assert list(files_of(second)) == ["stone.yaml", "pkg/backdoor.sh"]


def test_so_does_one_of_what_was_never_built(tree: GitTree, propose: Callable[[], Submission]) -> None:
    first = propose()
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    tree.commit("Fix it")
    second = propose()
    assert second != first
    assert {path: file.kind for path, file in files_of(second).items()} == {
        "stone.yaml": "added",
        "pkg/fix.patch": "added",
    }


def test_a_recipe_known_before_anything_was_built_is_held_against_the_commit_before(
    tree: GitTree, propose: Callable[[], Submission], profile: Profile, repository: Repository
) -> None:
    refresh_repository(repository, at=AT)  # read, but never planned: as where its packages came from elsewhere
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    before = tree.git("rev-parse", "HEAD")
    tree.commit("Update")
    [recipe] = difference.page_of(propose()).recipes
    assert (recipe.base.commit, recipe.base.task) == (before, None)
    assert [(file.path, file.kind) for file in recipe.found.files] == [("stone.yaml", "changed")]


def test_a_rejected_proposal_and_a_test_build_are_no_base(
    next_release: Callable[[], Submission], tree: GitTree, propose: Callable[[], Submission]
) -> None:
    tree.write("n/nano/pkg/other", "x\n")
    first = next_release()
    first.tasks.update(status=TaskStatus.COMPLETED, ended_at=AT, purpose="test")
    tree.write("n/nano/stone.yaml", recipe_text("nano", version="1.2", release=3))
    tree.commit("Again")
    assert "pkg/other" in files_of(propose())


def test_a_moved_recipe_is_held_against_its_old_place(
    next_release: Callable[[], Submission], tree: GitTree, propose: Callable[[], Submission], client: Client
) -> None:
    shutil.move(tree.path / "n", tree.path / "editors")
    tree.write("editors/nano/stone.yaml", recipe_text("nano", release=2))
    tree.commit("Move and update")
    submission = propose()
    [recipe] = difference.page_of(submission).recipes
    assert recipe.moved_from == "n/nano"
    assert [(file.path, file.kind) for file in recipe.found.files] == [("stone.yaml", "changed")]
    assert (
        'It was in <span class="mono wrap">n/nano</span>' in client.get(submission.get_absolute_url()).content.decode()
    )


def test_a_base_that_git_lost_has_everything_shown_as_new(
    next_release: Callable[[], Submission], client: Client
) -> None:
    BuildTask.objects.update(commit="ab" * 20)
    submission = next_release()
    [recipe] = difference.page_of(submission).recipes
    assert recipe.base.is_lost
    assert {file.kind for file in recipe.found.files} == {"added"}
    assert b"which git has no more" in client.get(submission.get_absolute_url()).content
