"""Mirrors of real git repositories: fetching, healing, reading, and exporting what may be hostile."""

import os
import shutil
import threading
import time
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import FileMode

from serpent_infra.git import GitError, Mirror, mirror_name
from tests.factories.summit import GitTree, recipe_text

TIMEOUT = 60.0


@pytest.fixture
def tree(tmp_path: Path) -> GitTree:
    tree = GitTree(tmp_path / "origin")
    tree.write("z/zlib/stone.yaml", recipe_text("zlib"))
    tree.write("z/zlib/pkg/fix.patch", "a patch\n")
    tree.write("n/nano/stone.yaml", recipe_text("nano"))
    tree.write("README.md", "# Recipes\n")
    tree.commit("Begin")
    return tree


@pytest.fixture
def mirror(tree: GitTree, tmp_path: Path) -> Mirror:
    mirror = Mirror.under(tmp_path / "mirrors", str(tree.path))
    mirror.fetch(timeout=TIMEOUT)
    return mirror


def test_mirrors_of_equal_paths_on_different_hosts_do_not_collide() -> None:
    one, other = mirror_name("https://a.example/x/recipes.git"), mirror_name("https://b.example/x/recipes.git")
    assert one != other
    assert one.startswith("a.example-recipes-")


def test_a_fetch_brings_new_commits_and_branches_and_drops_those_that_are_gone(tree: GitTree, mirror: Mirror) -> None:
    first = mirror.resolve("main")
    tree.git("branch", "next")
    second = tree.commit("Nothing")
    mirror.fetch(timeout=TIMEOUT)
    assert mirror.resolve("main") == mirror.resolve("") == second
    assert mirror.resolve("next") == first
    tree.git("branch", "-D", "next")
    mirror.fetch(timeout=TIMEOUT)
    with pytest.raises(GitError, match="has no branch 'next'; it has main"):
        mirror.resolve("next")


def test_the_default_branch_is_the_one_that_the_origin_says_now(tree: GitTree, mirror: Mirror) -> None:
    tree.git("checkout", "--quiet", "-b", "trunk")
    moved = tree.commit("Go on elsewhere")
    mirror.fetch(timeout=TIMEOUT)
    assert mirror.resolve("") == mirror.resolve("main"), "it was not asked"
    mirror.fetch(timeout=TIMEOUT, asks_default=True)
    assert mirror.resolve("") == moved
    tree.git("branch", "-D", "main")
    tree.git("branch", "-m", "trunk", "next")
    mirror.fetch(timeout=TIMEOUT, asks_default=True)
    assert mirror.resolve("") == mirror.resolve("next") == moved


def test_an_origin_without_a_default_branch_leaves_that_of_the_mirror(tree: GitTree, mirror: Mirror) -> None:
    tree.git("symbolic-ref", "HEAD", "refs/heads/nowhere")
    mirror.fetch(timeout=TIMEOUT, asks_default=True)
    assert mirror.resolve("") == mirror.resolve("main")


def test_rewritten_history_is_followed(tree: GitTree, mirror: Mirror) -> None:
    tree.git("commit", "--quiet", "--amend", "-m", "Begin again")
    mirror.fetch(timeout=TIMEOUT)
    assert mirror.commit_info(mirror.resolve("main")).subject == "Begin again"


def test_a_half_finished_mirror_is_rebuilt(tree: GitTree, mirror: Mirror) -> None:
    shutil.rmtree(mirror.path / "refs")
    (mirror.path / "HEAD").unlink()
    (mirror.path.parent / f".{mirror.path.name}.dead.aside").mkdir()
    mirror.fetch(timeout=TIMEOUT)
    assert mirror.resolve("main") == tree.git("rev-parse", "HEAD")
    assert [place.name for place in mirror.path.parent.glob("*.aside")] == []


def test_a_mirror_that_lost_its_objects_is_rebuilt(tree: GitTree, mirror: Mirror) -> None:
    for pack in (mirror.path / "objects").rglob("*"):
        if pack.is_file():
            pack.unlink()
    tree.commit("More")
    mirror.fetch(timeout=TIMEOUT)
    assert len(mirror.recipes(mirror.resolve("main"))) == 2


def test_a_directory_that_is_no_repository_is_replaced(tree: GitTree, tmp_path: Path) -> None:
    mirror = Mirror.under(tmp_path / "mirrors", str(tree.path))
    mirror.path.mkdir(parents=True)
    (mirror.path / "rubbish").touch()
    mirror.fetch(timeout=TIMEOUT)
    assert mirror.resolve("main")


def test_an_origin_that_is_away_leaves_the_mirror_as_it_is(tree: GitTree, mirror: Mirror) -> None:
    tree.path.rename(tree.path.with_name("elsewhere"))
    with pytest.raises(GitError, match="does not appear to be a git repository"):
        mirror.fetch(timeout=TIMEOUT)
    assert len(mirror.recipes(mirror.resolve("main"))) == 2


def test_a_hanging_origin_is_given_up_after_the_time_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").write_text("#!/bin/sh\nsleep 60 &\nwait\n")
    (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    began = time.monotonic()
    with pytest.raises(GitError, match="took longer than"):
        Mirror.under(tmp_path / "mirrors", "https://git.invalid/recipes.git").fetch(timeout=0.3)
    assert time.monotonic() - began < 10


def test_no_message_carries_a_password(tmp_path: Path) -> None:
    address = f"file://user:secret@{tmp_path}/nothing.git"
    with pytest.raises(GitError) as caught:
        Mirror.under(tmp_path / "mirrors", address).fetch(timeout=TIMEOUT)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["--upload-pack=touch /tmp/x", " ", "ext::sh -c true"])
def test_an_address_cannot_run_commands(address: str, tmp_path: Path) -> None:
    with pytest.raises(GitError):
        Mirror.under(tmp_path / "mirrors", address).fetch(timeout=TIMEOUT)


def test_two_fetches_at_once_both_end_well(tree: GitTree, tmp_path: Path) -> None:
    mirrors = [Mirror.under(tmp_path / "mirrors", str(tree.path)) for _ in range(4)]
    threads = [threading.Thread(target=mirror.fetch, kwargs={"timeout": TIMEOUT}) for mirror in mirrors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {mirror.resolve("main") for mirror in mirrors} == {tree.git("rev-parse", "HEAD")}


def test_recipes_are_found_and_nothing_in_their_own_files(tree: GitTree, mirror: Mirror) -> None:
    tree.write("z/zlib/pkg/stone.yaml", "not: a recipe\n")
    tree.commit()
    mirror.fetch(timeout=TIMEOUT)
    found = {entry.path: entry for entry in mirror.recipes(mirror.resolve("main"))}
    assert set(found) == {"n/nano/stone.yaml", "z/zlib/stone.yaml"}
    assert found["z/zlib/stone.yaml"].directory == "z/zlib"
    assert mirror.blob_data(found["n/nano/stone.yaml"].blob).startswith(b"name: nano")


def test_a_symbolic_link_is_no_regular_recipe(tree: GitTree, mirror: Mirror) -> None:
    (tree.path / "x").mkdir()
    (tree.path / "x" / "stone.yaml").symlink_to("../n/nano/stone.yaml")
    tree.commit()
    mirror.fetch(timeout=TIMEOUT)
    [entry] = [entry for entry in mirror.recipes(mirror.resolve("main")) if entry.path == "x/stone.yaml"]
    assert "is a symbolic link" in entry.fault


def test_changes_are_named_by_comparing_trees(tree: GitTree, mirror: Mirror) -> None:
    old = mirror.resolve("main")
    tree.write("z/zlib/pkg/fix.patch", "another patch\n")
    tree.write("a/acl/stone.yaml", recipe_text("acl"))
    shutil.rmtree(tree.path / "n")
    new = tree.commit()
    mirror.fetch(timeout=TIMEOUT)
    changes = mirror.changed(old, new)
    assert set(changes.changed) == {"z/zlib/stone.yaml", "a/acl/stone.yaml"}
    assert changes.removed == {"n/nano/stone.yaml"}
    assert mirror.changed(new, new).changed == {}


def test_each_recipe_knows_the_commit_that_changed_it(tree: GitTree, mirror: Mirror) -> None:
    begin = mirror.resolve("main")
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", release=2))
    raised = tree.commit("Update zlib")
    tree.write("README.md", "# More\n")
    head = tree.commit("Say more")
    mirror.fetch(timeout=TIMEOUT)
    paths = {"z/zlib/stone.yaml", "n/nano/stone.yaml"}
    steps = list(mirror.line(new=head, limit=100))
    assert [(step.id, step.changed.keys() & paths) for step in steps] == [
        (head, set()),
        (raised, {"z/zlib/stone.yaml"}),
        (begin, paths),
    ]
    assert [step.describe().subject for step in steps] == ["Say more", "Update zlib", "Begin"]
    assert [step.id for step in mirror.line(new=head, old=begin, limit=100)] == [head, raised]
    assert [step.id for step in mirror.line(new=head, limit=1)] == [head]
    assert mirror.readme(head) == "# More\n"


def test_a_recipes_directory_is_exported_with_its_modes(tree: GitTree, mirror: Mirror, tmp_path: Path) -> None:
    tree.write("z/zlib/pkg/run.sh", "#!/bin/sh\n")
    (tree.path / "z/zlib/pkg/run.sh").chmod(0o755)
    (tree.path / "z/zlib/pkg/same").symlink_to("run.sh")
    new = tree.commit()
    mirror.fetch(timeout=TIMEOUT)
    mirror.export(new, "z/zlib", tmp_path / "out")
    assert (tmp_path / "out/pkg/run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/pkg/same").read_text() == "#!/bin/sh\n"
    assert (tmp_path / "out/stone.yaml").stat().st_mode & 0o777 == 0o644
    with pytest.raises(GitError, match="is not empty"):
        mirror.export(new, "z/zlib", tmp_path / "out")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../n", "pkg/../../other"])
def test_an_exported_link_does_not_leave_its_directory(
    tree: GitTree, mirror: Mirror, tmp_path: Path, target: str
) -> None:
    (tree.path / "z/zlib/link").symlink_to(target)
    new = tree.commit()
    mirror.fetch(timeout=TIMEOUT)
    with pytest.raises(GitError, match="leaves the recipe's directory"):
        mirror.export(new, "z/zlib", tmp_path / "out")


def _commit_of(mirror: Mirror, name: str, item: pygit2.Oid, mode: FileMode) -> str:
    repository = pygit2.Repository(str(mirror.path))
    builder = repository.TreeBuilder()
    builder.insert(name, item, mode)
    who = pygit2.Signature("Eve", "eve@example.org")
    return str(repository.create_commit(None, who, who, "Hostile", builder.write(), []))


def test_a_submodule_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    commit = _commit_of(mirror, "sub", pygit2.Oid(hex="1" * 40), FileMode.COMMIT)
    with pytest.raises(GitError, match="submodule"):
        mirror.export(commit, "", tmp_path / "out")
    assert [(entry.path, entry.is_submodule) for entry in mirror.recipes(commit)] == [("sub/stone.yaml", True)]


def test_a_missing_object_harms_only_who_asks_for_it(mirror: Mirror) -> None:
    blob = pygit2.Repository(str(mirror.path)).create_blob(b"name: lost\n")
    commit = _commit_of(mirror, "stone.yaml", blob, FileMode.BLOB)
    (mirror.path / "objects" / str(blob)[:2] / str(blob)[2:]).unlink()
    [entry] = mirror.recipes(commit)
    with pytest.raises(GitError, match="lacks the object"):
        mirror.blob_data(entry.blob)


def test_a_file_above_the_limit_is_refused_unread(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    [entry, *_] = mirror.recipes(mirror.resolve("main"))

    class HeadersOnly:
        odb = mirror._repository().odb

    monkeypatch.setattr("serpent_infra.git.mirror.BLOB_LIMIT", 10)
    monkeypatch.setattr(mirror, "_opened", HeadersOnly())
    with pytest.raises(GitError, match=r"the file has \d+ bytes; the limit is 10"):
        mirror.blob_data(entry.blob)


def test_what_does_not_exist_is_said_in_a_sentence(mirror: Mirror, tmp_path: Path) -> None:
    head = mirror.resolve("main")
    with pytest.raises(GitError, match="no commit 333333333333"):
        mirror.recipes("3" * 40)
    with pytest.raises(GitError, match="q/none does not exist"):
        mirror.export(head, "q/none", tmp_path / "out")
    with pytest.raises(GitError, match="z is no file"):
        mirror.blob(head, "z")
    with pytest.raises(GitError, match="there is no mirror"):
        Mirror.under(tmp_path / "none", "https://git.invalid/x").resolve("main")
    assert not mirror.has("3" * 40)
    assert mirror.blob(head, "README.md") == b"# Recipes\n"
