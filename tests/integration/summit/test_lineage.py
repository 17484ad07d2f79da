"""Names, mirrors and history over many refreshes: names are kept, what breaks heals, and what git held is known."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from serpent_infra.git import Mirror
from summit import planning
from summit.models import BuildTask, Profile, Project, Recipe, Release, Repository
from summit.refresh import refresh_repository
from summit.refresh.run import mirror_of
from summit.states import RefreshStatus
from tests.factories.summit import AT, GitTree, make_repository, recipe_text
from tests.integration import pages

strict_templates = pages.strict_templates
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors", "strict_templates")]


@pytest.fixture
def tree(tmp_path: Path) -> GitTree:
    tree = GitTree(tmp_path / "origin")
    tree.write("z/zlib/stone.yaml", recipe_text("zlib"))
    tree.write("n/nano/stone.yaml", recipe_text("nano"))
    tree.commit("Begin")
    return tree


@pytest.fixture
def repository(project: Project, tree: GitTree) -> Repository:
    row = make_repository(project, origin_uri=str(tree.path))
    assert refresh_repository(row, at=AT).read == 2
    return row


def page_of(thing: Recipe | Repository) -> str:
    response = Client().get(thing.get_absolute_url())
    assert response.status_code == 200
    return response.content.decode()


# Names


def test_of_two_recipes_of_a_name_the_first_is_built_and_the_other_says_so(
    repository: Repository, tree: GitTree, profile: Profile
) -> None:
    tree.write("a/zlib/stone.yaml", recipe_text("zlib", release=9))
    tree.commit()
    assert refresh_repository(repository, at=AT).error == ""
    first, second = Recipe.objects.get(path="z/zlib/stone.yaml"), Recipe.objects.get(path="a/zlib/stone.yaml")
    assert (first.conflict, second.release) == ("", 9)
    assert "named zlib already (z/zlib/stone.yaml)" in second.conflict
    planning.plan(profile, at=AT)
    assert {task.recipe for task in BuildTask.objects.filter(source_name="zlib")} == {first}
    assert "named zlib already" in page_of(repository)
    # It has the name as soon as the other lets go of it.
    tree.git("rm", "-r", "--quiet", "z")
    tree.commit()
    refresh_repository(repository, at=AT)
    second.refresh_from_db()
    assert second.conflict == ""
    planning.plan(profile, at=AT)
    assert BuildTask.objects.open().get(source_name="zlib").recipe == second


def test_a_repository_cannot_take_a_name_from_another(repository: Repository, tmp_path: Path, profile: Profile) -> None:
    thief = GitTree(tmp_path / "thief")
    thief.write("zlib/stone.yaml", recipe_text("zlib", release=99))
    thief.commit()
    other = make_repository(repository.project, slug="other", origin_uri=str(thief.path))
    Repository.objects.filter(pk=repository.pk).update(is_private=True)
    refresh_repository(other, at=AT)
    stolen = Recipe.objects.get(repository=other)
    assert "(a private repository)" in stolen.conflict
    assert "z/zlib" not in page_of(stolen)
    planning.plan(profile, at=AT)
    assert BuildTask.objects.get(source_name="zlib").release == 1


def test_a_waiting_build_is_withdrawn_when_its_name_turns_out_to_be_taken(
    repository: Repository, tree: GitTree, profile: Profile
) -> None:
    planning.plan(profile, at=AT)
    tree.write("n/nano/stone.yaml", recipe_text("zlib", release=3))
    tree.commit()
    refresh_repository(repository, at=AT)
    planning.plan(profile, at=AT)
    task = BuildTask.objects.get(source_name="nano")
    assert task.status == "superseded"
    assert "named zlib already" in task.events.latest("pk").sentence


# What became of the mirror


def test_a_repository_of_the_default_branch_follows_it_when_it_is_renamed(
    repository: Repository, tree: GitTree
) -> None:
    Repository.objects.update(branch="")
    repository.refresh_from_db()
    tree.git("branch", "-m", "main", "trunk")
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    tree.commit()
    outcome = refresh_repository(repository, at=AT)
    assert (outcome.read, outcome.error) == (1, "")
    assert Recipe.objects.get(name="nano").release == 2


def test_a_mirror_that_lost_an_object_is_rebuilt_in_the_same_refresh(repository: Repository, tree: GitTree) -> None:
    mirror = mirror_of(repository)
    place = mirror.path / "objects/pack"
    [pack] = place.glob("*.pack")
    # All objects loose, so that a single one can be lost.
    loose = tree.path.parent / "pack"
    shutil.copy(pack, loose)
    shutil.rmtree(place)
    place.mkdir()
    subprocess.run(["git", "unpack-objects", "-q"], cwd=mirror.path, input=loose.read_bytes(), check=True)
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    tree.commit()
    lost = tree.git("rev-parse", "HEAD:z/zlib/stone.yaml")
    (mirror.path / "objects" / lost[:2] / lost[2:]).unlink()
    outcome = refresh_repository(repository, at=AT, everything=True)
    assert (outcome.read, outcome.broken, outcome.error) == (2, 0, "")
    assert mirror_of(repository).blob_data(lost).startswith(b"name: zlib")


def test_a_refresh_that_dies_while_it_stores_leaves_commit_and_recipes_together(
    repository: Repository, tree: GitTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = repository.commit
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", release=2))
    tree.commit()

    def die(*_args: object, **_facts: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("summit.refresh.run.settle_names", die)
    with pytest.raises(RuntimeError):
        refresh_repository(repository, at=AT)
    repository.refresh_from_db()
    assert (repository.commit, repository.status) == (before, RefreshStatus.FAILED)
    assert Recipe.objects.get(name="zlib").release == 1
    monkeypatch.undo()
    assert refresh_repository(repository, at=AT).read == 1
    assert Recipe.objects.get(name="zlib").release == 2


# History


def test_the_history_of_a_recipe_comes_from_git(repository: Repository, tree: GitTree) -> None:
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", release=2))
    tree.commit("Raise zlib")
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", version="1.1", release=3))
    raised = tree.commit("Update zlib")
    tree.write("z/zlib/pkg/fix.patch", "x")
    tree.commit("Patch zlib without a release")
    refresh_repository(repository, at=AT)
    zlib = Recipe.objects.get(name="zlib")
    rows = zlib.releases.order_by("release").values_list("version", "release", "subject", "author_name")
    assert list(rows) == [
        ("1.0", 1, "Begin", "Ada"),
        ("1.0", 2, "Raise zlib", "Ada"),
        ("1.1", 3, "Update zlib", "Ada"),
    ]
    assert zlib.releases.get(release=3).commit == raised
    assert zlib.commit == tree.git("rev-parse", "HEAD")
    page = page_of(zlib)
    assert "Raise zlib" in page
    told = Client().get(f"/api/v1/recipes/{zlib.pk}/releases/").json()
    assert {row["release"]: row["subject"] for row in told["results"]}[3] == "Update zlib"
    assert len(told["results"]) == 3


def test_history_follows_a_rename(repository: Repository, tree: GitTree) -> None:
    tree.git("mv", "z/zlib", "z/zlib-classic")
    tree.write("z/zlib-classic/stone.yaml", recipe_text("zlib", release=2))
    tree.commit("Move zlib")
    refresh_repository(repository, at=AT)
    zlib = Recipe.objects.get(name="zlib")
    assert zlib.path == "z/zlib-classic/stone.yaml"
    assert set(zlib.releases.values_list("release", flat=True)) == {1, 2}
    refresh_repository(repository, at=AT, everything=True)
    assert set(zlib.releases.values_list("release", flat=True)) == {1, 2}, "read anew it says the same"


def test_rewritten_history_takes_its_releases_and_commits_along(
    repository: Repository, tree: GitTree, profile: Profile
) -> None:
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", release=2))
    dropped = tree.commit("Raise zlib")
    refresh_repository(repository, at=AT)
    planning.plan(profile, at=AT)
    assert BuildTask.objects.open().get(source_name="zlib").commit == dropped
    tree.git("commit", "--quiet", "--amend", "-m", "Raise zlib, said better")
    kept = tree.git("rev-parse", "HEAD")
    refresh_repository(repository, at=AT)
    zlib = Recipe.objects.get(name="zlib")
    # The content is the same, but nobody can fetch the dropped commit any more.
    assert zlib.commit == kept
    assert zlib.releases.get(release=2).subject == "Raise zlib, said better"
    planning.plan(profile, at=AT)
    assert BuildTask.objects.open().get(source_name="zlib").commit == kept
    tree.git("reset", "--quiet", "--hard", "HEAD~1")
    refresh_repository(repository, at=AT)
    assert not Release.objects.filter(release=2).exists()
    assert Recipe.objects.get(name="zlib").release == 1


def test_two_forges_with_the_same_path_have_mirrors_of_their_own(project: Project, settings: Settings) -> None:
    addresses = ["https://one.example/aerynos/recipes.git", "https://two.example/aerynos/recipes.git"]
    rows = [make_repository(project, slug=f"r{n}", origin_uri=uri) for n, uri in enumerate(addresses)]
    assert len({mirror_of(row).path for row in rows}) == 2
    assert all(mirror_of(row).path.parent == Path(settings.SERPENT_MIRRORS_DIR) for row in rows)
    assert isinstance(mirror_of(rows[0]), Mirror)
    assert os.sep not in mirror_of(rows[0]).path.name
