"""Refreshing repositories from real git: one bad recipe hides no other, nothing sticks, and again changes nothing."""

import fcntl
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from summit import founding, ordering, planning, refresh, tasks
from summit.models import BuildTask, Profile, Project, Provider, Recipe, Repository
from summit.needs import EdgeKind, Usage
from summit.refresh import refresh_repository
from summit.states import RefreshStatus
from tests.factories.summit import AT, GitTree, make_profile, make_project, make_repository, provided, recipe_text
from tests.fakes.doors import FakeRepository
from tests.ringing import bells_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors")]


@pytest.fixture
def tree(tmp_path: Path) -> GitTree:
    tree = GitTree(tmp_path / "origin")
    tree.write("z/zlib/stone.yaml", recipe_text("zlib"))
    tree.write("n/nano/stone.yaml", recipe_text("nano", builddeps=["pkgconfig(zlib)", "make"]))
    tree.write("README.md", "# Recipes\n")
    tree.commit("Begin")
    return tree


@pytest.fixture
def repository(project: Project, tree: GitTree) -> Repository:
    return make_repository(project, origin_uri=str(tree.path))


def test_a_first_refresh_reads_every_recipe(repository: Repository, tree: GitTree, profile: Profile) -> None:
    outcome = refresh_repository(repository, at=AT)
    assert (outcome.read, outcome.broken, outcome.error) == (2, 0, "")
    repository.refresh_from_db()
    assert repository.status == RefreshStatus.IDLE
    assert repository.commit == tree.git("rev-parse", "HEAD")
    assert repository.readme == "# Recipes\n"
    nano = Recipe.objects.get(name="nano")
    assert (nano.path, nano.version, nano.release) == ("n/nano/stone.yaml", "1.0", 1)
    assert (nano.author_name, nano.author_email, nano.commit_subject) == ("Ada", "ada@example.org", "Begin")
    named = nano.dependencies.exclude(usage=Usage.IMPLIED)
    assert {str(row.capability) for row in named} == {"pkgconfig(zlib)", "make"}
    implied = {str(row.capability): row.implied_by for row in nano.dependencies.filter(usage=Usage.IMPLIED)}
    assert (implied["clang"], implied["bash"]) == ("the llvm toolchain", "every build root")
    assert provided(nano) == {"nano"}
    assert list(Profile.objects.plan_overdue()) == [profile]


def test_a_control_file_edits_its_recipe_and_a_wrong_one_is_named(repository: Repository, tree: GitTree) -> None:
    tree.write("n/nano/control.kdl", "append { builddeps { ninja }; oops }")
    tree.commit("Need ninja")
    refresh_repository(repository, at=AT)
    nano = Recipe.objects.get(name="nano")
    named = nano.dependencies.exclude(usage=Usage.IMPLIED)
    assert {str(row.capability) for row in named} == {"pkgconfig(zlib)", "make", "ninja"}
    assert ["in control.kdl, line 1: 'oops' means" in warning["text"] for warning in nano.warnings] == [True]
    tree.write("n/nano/control.kdl", "append {\n  build 5\n}")
    tree.commit("Break it")
    refresh_repository(repository, at=AT)
    nano.refresh_from_db()
    assert nano.error == "n/nano/control.kdl:2:3: expected one text after 'build'"
    tree.git("rm", "-q", "n/nano/control.kdl")
    tree.commit("Take it back")
    refresh_repository(repository, at=AT)
    nano.refresh_from_db()
    assert nano.error == ""
    assert {str(row.capability) for row in nano.dependencies.exclude(usage=Usage.IMPLIED)} == {
        "pkgconfig(zlib)",
        "make",
    }


def test_a_broken_recipe_keeps_its_last_good_state_and_shows_its_error_with_the_line(
    repository: Repository, tree: GitTree
) -> None:
    refresh_repository(repository, at=AT)
    good = Recipe.objects.get(name="zlib").commit
    tree.write("z/zlib/stone.yaml", "name: zlib\nversion: 2\nrelease: many\n")
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    bad = tree.commit("Break one, raise the other")
    outcome = refresh_repository(repository, at=AT)
    assert (outcome.read, outcome.broken) == (1, 1)
    zlib, nano = Recipe.objects.get(name="zlib"), Recipe.objects.get(name="nano")
    assert (zlib.version, zlib.release, zlib.commit) == ("1.0", 1, good)
    assert (zlib.error_line, zlib.error_commit) == (3, bad)
    assert "many" in zlib.error
    assert (nano.release, nano.error) == (2, "")
    assert list(Recipe.objects.broken()) == [zlib]

    tree.write("z/zlib/stone.yaml", recipe_text("zlib", release=2))
    tree.commit("Mend")
    refresh_repository(repository, at=AT)
    zlib.refresh_from_db()
    assert (zlib.release, zlib.error, zlib.error_line) == (2, "", None)


@pytest.mark.parametrize("content", ["", "{" * 5000, "a: &x [*x]\n", "name: x\nname: y\n", b"\xff\xfe\x00", "- 1\n"])
def test_a_new_recipe_that_cannot_be_read_is_a_row_with_an_error(
    repository: Repository, tree: GitTree, content: str | bytes
) -> None:
    tree.write("b/bad/stone.yaml", content)
    tree.commit()
    assert refresh_repository(repository, at=AT).broken == 1
    row = Recipe.objects.get(path="b/bad/stone.yaml")
    assert (row.name, row.release) == ("bad", 0)
    assert row.error
    assert not Recipe.objects.buildable().filter(pk=row.pk).exists()


def test_a_link_a_huge_file_and_an_odd_manifest_are_said_where_they_are(repository: Repository, tree: GitTree) -> None:
    (tree.path / "x").mkdir()
    (tree.path / "x" / "stone.yaml").symlink_to("../n/nano/stone.yaml")
    tree.write("h/huge/stone.yaml", "#" * (2**20 + 1))
    tree.write("z/zlib/manifest.x86_64.bin", b"no manifest")
    tree.commit()
    assert refresh_repository(repository, at=AT).broken == 2
    assert "symbolic link" in Recipe.objects.get(path="x/stone.yaml").error
    assert "1,048,577 bytes" in Recipe.objects.get(path="h/huge/stone.yaml").error
    zlib = Recipe.objects.get(name="zlib")
    assert "manifest.x86_64.bin cannot be read" in zlib.warnings[0]["text"]
    assert zlib.manifests == []


def test_removals_and_renames_are_followed(repository: Repository, tree: GitTree, profile: Profile) -> None:
    refresh_repository(repository, at=AT)
    planning.plan(profile, at=AT)
    nano = Recipe.objects.get(name="nano")
    shutil.move(tree.path / "n", tree.path / "editors")
    shutil.rmtree(tree.path / "z")
    tree.commit()
    outcome = refresh_repository(repository, at=AT)
    assert (outcome.read, outcome.removed) == (1, 1)
    nano.refresh_from_db()
    assert nano.path == "editors/nano/stone.yaml"
    assert Recipe.objects.get(name="zlib").is_removed
    assert [recipe.name for recipe in Recipe.objects.existing()] == ["nano"]
    planning.plan(profile, at=AT)
    task = BuildTask.objects.open().get()
    assert (task.source_name, task.recipe_path) == ("nano", "editors/nano/stone.yaml")


def test_a_recipe_that_is_renamed_in_place_remembers_its_old_names(repository: Repository, tree: GitTree) -> None:
    refresh_repository(repository, at=AT)
    for name in ("zlib-ng", "zng", "zlib"):
        tree.write("z/zlib/stone.yaml", recipe_text(name))
        tree.commit()
        refresh_repository(repository, at=AT)
        assert Recipe.objects.get(path="z/zlib/stone.yaml").name == name
    assert Recipe.objects.get(path="z/zlib/stone.yaml").former_names == ["zlib-ng", "zng"]


def test_a_removed_recipe_that_returns_is_itself_again(repository: Repository, tree: GitTree) -> None:
    refresh_repository(repository, at=AT)
    tree.git("rm", "-r", "--quiet", "z")
    tree.commit("Remove")
    refresh_repository(repository, at=AT)
    tree.git("revert", "--no-edit", "HEAD")
    refresh_repository(repository, at=AT)
    assert Recipe.objects.filter(name="zlib").count() == 1
    assert not Recipe.objects.get(name="zlib").is_removed


def test_a_refresh_without_news_changes_nothing(repository: Repository, tree: GitTree, profile: Profile) -> None:
    refresh_repository(repository, at=AT)
    planning.plan(profile, at=AT)
    keys = list(Recipe.objects.order_by("pk").values_list("pk", flat=True))
    outcome = refresh_repository(repository, at=AT)
    assert (outcome.read, outcome.commit) == (0, tree.git("rev-parse", "HEAD"))
    assert not Profile.objects.plan_overdue().exists()
    refresh_repository(repository, at=AT, everything=True)
    assert list(Recipe.objects.order_by("pk").values_list("pk", flat=True)) == keys


def test_rewritten_history_is_read_anew(repository: Repository, tree: GitTree) -> None:
    refresh_repository(repository, at=AT)
    tree.git("rm", "-r", "--quiet", "z")
    tree.git("commit", "--quiet", "--amend", "-m", "Begin otherwise")
    tree.git("reflog", "expire", "--expire=now", "--all")
    shutil.rmtree(Path(tree.path.parent / "mirrors"))
    outcome = refresh_repository(repository, at=AT)
    assert (outcome.read, outcome.removed) == (1, 1)


def test_an_origin_that_is_not_there_is_an_error_beside_the_last_good_state(
    repository: Repository, tree: GitTree
) -> None:
    refresh_repository(repository, at=AT)
    tree.path.rename(tree.path.with_name("gone"))
    outcome = refresh_repository(repository, at=AT)
    repository.refresh_from_db()
    assert repository.status == RefreshStatus.FAILED
    assert repository.error == outcome.error
    assert "does not appear to be a git repository" in repository.error
    assert Recipe.objects.existing().count() == 2
    tree.path.with_name("gone").rename(tree.path)
    refresh_repository(repository, at=AT)
    repository.refresh_from_db()
    assert (repository.status, repository.error) == (RefreshStatus.IDLE, "")


def test_a_branch_that_does_not_exist_names_those_that_do(repository: Repository) -> None:
    repository.branch = "stable"
    assert "no branch 'stable'; it has main" in refresh_repository(repository, at=AT).error


def test_a_refresh_that_was_killed_does_not_stick(repository: Repository) -> None:
    repository.begin_refresh(at=AT - timedelta(hours=1))
    assert list(Repository.objects.refresh_requested(at=AT)) == [repository]
    assert refresh_repository(repository, at=AT).read == 2
    assert not Repository.objects.refresh_requested(at=AT).exists()


def test_only_one_process_refreshes_at_a_time(repository: Repository, settings: Settings) -> None:
    place = Path(settings.SERPENT_MIRRORS_DIR)
    place.mkdir(parents=True)
    with (place / f".refresh-{repository.pk}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert refresh_repository(repository, at=AT).is_busy
    assert not refresh_repository(repository, at=AT).is_busy


def test_what_is_asked_for_during_a_refresh_is_not_forgotten(repository: Repository) -> None:
    repository.begin_refresh(at=AT)
    repository.request_refresh(at=AT)
    repository.finish_refresh(at=AT)
    assert Repository.objects.refresh_requested(at=AT).get() == repository


def test_bells_that_piled_up_are_answered_by_one_refresh(
    repository: Repository, tree: GitTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    refreshing = refresh.refresh_repository

    def count(row: Repository, *, at: datetime) -> None:
        read.append(refreshing(row, at=at).read)

    monkeypatch.setattr(refresh, "refresh_repository", count)
    for _ in range(5):
        tasks.refresh_repository(repository=repository.pk)
    assert read == [2]
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    tree.commit()
    repository.request_refresh(at=timezone.now())
    for _ in range(5):
        tasks.refresh_repository(repository=repository.pk)
    assert read == [2, 1]


def test_the_poll_rings_for_the_longest_unread_first_and_its_bells_do_not_pile_up(
    project: Project, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    now = timezone.now()
    minutes = {"b": 2, "never": None, "a": 3, "fresh": 0}
    rows = {
        slug: make_repository(project, slug=slug, refreshed_at=None if age is None else now - timedelta(minutes=age))
        for slug, age in minutes.items()
    }
    with django_capture_on_commit_callbacks() as callbacks:
        tasks.refresh_repositories()
    assert bells_of(callbacks) == [("summit.refresh_repository", rows[slug].pk) for slug in ("never", "a", "b")]
    assert [callback.args[3] for callback in callbacks] == [{"expires": 27.0}] * 3  # type: ignore[attr-defined]


def test_two_repositories_do_not_disturb_each_other(repository: Repository, tmp_path: Path, profile: Profile) -> None:
    other_tree = GitTree(tmp_path / "other")
    other_tree.write("zlib/stone.yaml", recipe_text("zstd", release=7))
    other_tree.commit()
    other = make_repository(repository.project, slug="other", origin_uri=str(other_tree.path))
    refresh_repository(repository, at=AT)
    planning.plan(profile, at=AT)
    before = BuildTask.objects.open().count()
    assert refresh_repository(other, at=AT).read == 1
    planning.plan(profile, at=AT)
    assert Recipe.objects.existing().count() == 3
    assert BuildTask.objects.open().count() == before + 1


def test_a_tree_becomes_a_repository_that_is_read_and_planned(tmp_path: Path, vessel: FakeRepository) -> None:
    source = tmp_path / "tree"
    (source / "nano").mkdir(parents=True)
    (source / "nano" / "stone.yaml").write_text(recipe_text("nano"))
    project = founding.add_project(slug="demo")
    founding.add_profile(project, name="x86_64", at=AT)
    done = founding.import_tree(project, source=source, origins_dir=tmp_path / "origins", at=AT)
    assert (done.refresh.read, done.plans[0].created) == (1, 1)
    again = founding.import_tree(project, source=source, origins_dir=tmp_path / "origins", at=AT)
    assert (again.refresh.read, again.plans[0].created) == (0, 0)
    (source / "nano" / "stone.yaml").write_text(recipe_text("nano", release=2))
    later = founding.import_tree(project, source=source, origins_dir=tmp_path / "origins", at=AT)
    assert (later.refresh.read, later.plans[0].superseded) == (1, 1)
    assert ("demo", "volatile") in vessel.streams


@pytest.mark.parametrize("address", ["", "--upload-pack=x", "two words"])
def test_what_is_no_address_is_refused(project: Project, address: str) -> None:
    with pytest.raises(founding.Unfit, match="no address"):
        founding.add_repository(project, origin_uri=address, at=AT)


@pytest.mark.real_data
def test_the_real_tree_is_read_planned_and_ordered(recipe_tree: Path, tmp_path: Path, settings: Settings) -> None:
    settings.SERPENT_MIRRORS_DIR = tmp_path / "mirrors"
    slim = tmp_path / "slim"  # the reports for people are most of the tree, and nobody reads them here
    shutil.copytree(recipe_tree, slim, ignore=shutil.ignore_patterns("*.jsonc", ".git"))
    project = make_project("aerynos")
    profile = make_profile(project, channel="aerynos")
    done = founding.import_tree(project, source=slim, origins_dir=tmp_path / "origins", at=AT)
    assert (done.refresh.read, done.refresh.broken) == (1737, 0)
    assert done.plans == (planning.Plan(lacking=1737, created=1737, in_review=0, superseded=0),)
    found = ordering.reorder(profile, at=AT)
    built = [edge for edge in found.edges if edge.usage in {Usage.BUILD, Usage.CHECK}]
    # Profiles of a recipe (32-bit builds) may ask for more than its manifest records, so not fewer than 10,444.
    assert 10_444 <= len(built) <= 10_460
    assert not [edge for edge in built if edge.kind is EdgeKind.STAGED], "nothing is published to stage with"
    implied = [edge for edge in found.edges if edge.usage is Usage.IMPLIED]
    assert len(implied) == 23_031
    assert {edge.needs for edge in implied if edge.kind is EdgeKind.HARD}.isdisjoint(found.blocks)
    stored = BuildTask.objects.open()
    assert stored.count() == 1737
    # Whatever a real build has ever yielded may be published: the manifests' packages, debug packages beside them.
    permitted = dict(stored.values_list("recipe", "package_names"))
    yielded = set(Provider.objects.exclude(architecture="").values_list("recipe", "package"))
    assert len(yielded) == 3993
    assert [(recipe, name) for recipe, name in sorted(yielded) if name not in permitted[recipe]] == []
    assert stored.filter(status="blocked", block_reason="cycle").count() >= 386 + 2 + 2
    assert (
        stored.ready(at=AT).count() == 1737 - len(found.blocks) - stored.filter(status="queued", blockers__gt=0).count()
    )
