"""Repositories as they should not be: each fault is said where a person looks, and everything else goes on."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from summit import planning
from summit.models import BuildTask, Profile, Project, Recipe, Repository
from summit.refresh import collecting, refresh_repository
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


# What lies in it


def test_a_huge_recipe_is_refused_and_its_neighbour_read(repository: Repository, tree: GitTree) -> None:
    tree.write("z/zlib/stone.yaml", recipe_text("zlib") + "#" * 10 * 2**20)
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    tree.commit()
    outcome = refresh_repository(repository, at=AT)
    assert (outcome.read, outcome.broken, outcome.error) == (1, 1, "")
    zlib = Recipe.objects.get(name="zlib")
    assert "the limit is 1,048,576" in zlib.error
    assert zlib.release == 1
    assert "the limit is 1,048,576" in page_of(zlib)
    assert Recipe.objects.get(name="nano").release == 2


def test_of_very_many_dependencies_a_page_shows_the_first(repository: Repository, tree: GitTree) -> None:
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", builddeps=[f"pkgconfig(x{number})" for number in range(450)]))
    tree.commit()
    assert refresh_repository(repository, at=AT).read == 1
    text = page_of(Recipe.objects.get(name="zlib"))
    assert "the first 400 of them" in text
    assert text.count("pkgconfig(x") == 400
    assert "<p>450</p>" in text


def test_a_submodule_where_a_recipe_was_is_said_on_its_page(repository: Repository, tree: GitTree) -> None:
    shutil.rmtree(tree.path / "z/zlib")
    tree.git("add", "--all")
    tree.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},z/zlib")
    tree.git("commit", "--quiet", "-m", "Move zlib elsewhere")
    assert refresh_repository(repository, at=AT).broken == 1
    zlib = Recipe.objects.get(name="zlib")
    assert (zlib.is_removed, zlib.error) == (False, "z/zlib is a submodule; recipes in one are not read")
    assert "is a submodule" in page_of(zlib)


def test_a_submodule_elsewhere_is_said_on_the_repositorys_page_while_it_is_there(
    repository: Repository, tree: GitTree
) -> None:
    tree.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},tools")
    tree.git("commit", "--quiet", "-m", "Add tools")
    refresh_repository(repository, at=AT)
    repository.refresh_from_db()
    assert [one["text"] for one in repository.warnings] == ["tools is a submodule; recipes in one are not read"]
    assert "tools is a submodule" in page_of(repository)
    assert Recipe.objects.existing().count() == 2
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    tree.git("add", "n")
    tree.git("commit", "--quiet", "-m", "Raise nano")
    refresh_repository(repository, at=AT)
    repository.refresh_from_db()
    assert len(repository.warnings) == 1, "it is still there"
    tree.git("rm", "--cached", "--quiet", "tools")
    tree.git("commit", "--quiet", "-m", "Remove tools")
    refresh_repository(repository, at=AT)
    repository.refresh_from_db()
    assert repository.warnings == []


def test_a_link_and_a_directory_for_a_recipe_are_refused(repository: Repository, tree: GitTree) -> None:
    (tree.path / "z/zlib/stone.yaml").unlink()
    (tree.path / "z/zlib/stone.yaml").symlink_to("/etc/passwd")
    tree.write("d/dir/stone.yaml/file", "x")
    tree.commit()
    assert refresh_repository(repository, at=AT).broken == 2
    assert "symbolic link" in page_of(Recipe.objects.get(name="zlib"))
    assert "is a directory" in page_of(Recipe.objects.get(path="d/dir/stone.yaml"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (b"caf\xe9", "its path is no UTF-8"),
        (b"..", "its path has a part that no directory can be named"),
        (b".git", "its path has a part that no directory can be named"),
        (b"a\tb", "its path has a control character"),
        (b"a\nb", "its path has a control character"),
        ("ü".encode() * 550, "its path has 1,113 bytes; the limit is 1,000"),
    ],
)
def test_a_directory_whose_name_is_none_is_a_broken_recipe(
    repository: Repository, tree: GitTree, name: bytes, sentence: str
) -> None:
    path = b"x/" + name + b"/stone.yaml"
    _commit_odd_path(tree, path, recipe_text("odd"))
    outcome = refresh_repository(repository, at=AT)
    assert (outcome.broken, outcome.error) == (1, "")
    odd = Recipe.objects.broken().get()
    assert (odd.error, odd.release) == (sentence, 0)
    assert len(odd.path) <= 1024
    assert sentence in page_of(repository)
    assert Recipe.objects.existing().count() == 3


def _commit_odd_path(tree: GitTree, path: bytes, content: str) -> None:
    """Writes tree objects byte by byte: git's own tools refuse such names, a hostile server does not."""
    entry, mode = _write_object(tree, "blob", content.encode()), b"100644"
    for part in reversed(path.split(b"/")):
        data = mode + b" " + part + b"\0" + bytes.fromhex(entry)
        if part == path.split(b"/")[0]:
            data += b"".join(
                b"40000 " + name.encode() + b"\0" + bytes.fromhex(tree.git("rev-parse", f"HEAD:{name}"))
                for name in ("z",)
            )
            data = b"40000 n\0" + bytes.fromhex(tree.git("rev-parse", "HEAD:n")) + data
        entry, mode = _write_object(tree, "tree", data), b"40000"
    tree.git("update-ref", "refs/heads/main", tree.git("commit-tree", entry, "-p", "HEAD", "-m", "Odd"))


def _write_object(tree: GitTree, kind: str, data: bytes) -> str:
    done = subprocess.run(
        ["git", "hash-object", "-t", kind, "--literally", "-w", "--stdin"],
        cwd=tree.path,
        input=data,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


@pytest.mark.parametrize("name", ["../evil", "..", "<script>alert(1)</script>", "a/b", "a b"])
def test_a_recipe_whose_name_is_none_is_broken_and_shown_harmlessly(
    repository: Repository, tree: GitTree, name: str
) -> None:
    tree.write("o/odd/stone.yaml", recipe_text("odd").replace("name: odd", f'name: "{name}"'))
    tree.commit(f"<b>Add</b> {name}")
    assert refresh_repository(repository, at=AT).broken == 1
    odd = Recipe.objects.get(path="o/odd/stone.yaml")
    assert (odd.name, odd.error_line) == ("odd", 1)
    assert "<script>alert" not in page_of(odd)
    assert "<b>Add" not in page_of(repository)


@pytest.mark.parametrize("field", ["summary", "homepage", "license"])
def test_a_nul_in_a_text_breaks_its_recipe_only(repository: Repository, tree: GitTree, field: str) -> None:
    text = "".join(
        f'{field}: "a\\0b"\n' if line.startswith(f"{field}:") else f"{line}\n"
        for line in recipe_text("zlib", release=2).splitlines()
    )
    tree.write("z/zlib/stone.yaml", text)
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    tree.commit()
    assert refresh_repository(repository, at=AT).broken == 1
    assert "NUL" in Recipe.objects.get(name="zlib").error
    assert Recipe.objects.get(name="nano").release == 2


def test_a_huge_commit_message_is_kept_in_part(repository: Repository, tree: GitTree, profile: Profile) -> None:
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", release=2))
    tree.git("add", "--all")
    message = tree.path.parent / "message"
    message.write_text("Raise zlib " + "x" * 2**20 + "\n\n" + "y" * 2**20)
    tree.git("commit", "--quiet", "-F", str(message))
    assert refresh_repository(repository, at=AT).error == ""
    zlib = Recipe.objects.get(name="zlib")
    assert (len(zlib.commit_subject), len(zlib.commit_message)) == (200, 4000)
    repository.refresh_from_db()
    assert len(repository.commit_subject) == 200
    planning.plan(profile, at=AT)
    assert len(page_of(zlib)) < 100_000
    assert len(BuildTask.objects.get(source_name="zlib").submission.message) == 4000


@pytest.mark.parametrize("seconds", [-5, 253_402_300_800, 2**63 - 1])
def test_a_commit_of_an_impossible_time_is_read_and_planned(
    repository: Repository, tree: GitTree, profile: Profile, seconds: int
) -> None:
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", release=2))
    tree.git("add", "--all")
    person = f"Ada <ada@example.org> {seconds} +0000"
    body = f"tree {tree.git('write-tree')}\nparent {tree.git('rev-parse', 'HEAD')}\n"
    body += f"author {person}\ncommitter {person}\n\nRaise zlib\n"
    tree.git("update-ref", "refs/heads/main", _write_object(tree, "commit", body.encode()))
    outcome = refresh_repository(repository, at=AT)
    assert (outcome.read, outcome.error) == (1, "")
    planning.plan(profile, at=AT)
    assert BuildTask.objects.get(source_name="zlib").source_date_epoch in {0, 253_402_214_400}
    assert page_of(Recipe.objects.get(name="zlib"))


# Where it comes from


def test_a_repository_that_is_not_there_rests_longer_and_longer(repository: Repository, tree: GitTree) -> None:
    shutil.rmtree(tree.path)
    rests = []
    for _ in range(8):
        refresh_repository(repository, at=AT)
        repository.refresh_from_db()
        assert repository.poll_after is not None
        rests.append((repository.poll_after - AT).total_seconds())
    assert rests == [30, 60, 120, 240, 480, 900, 900, 900]
    assert repository.status == RefreshStatus.FAILED
    overdue = Repository.objects.refresh_overdue
    assert not overdue(at=AT, interval=AT - AT).exists()
    repository.request_refresh(at=AT)
    assert overdue(at=AT, interval=AT - AT).get() == repository, "a push or a person has it read at once"
    assert "The latest refresh failed" in page_of(repository)


def test_a_server_that_hangs_costs_its_own_time_limit_only(
    repository: Repository, tree: GitTree, project: Project, settings: Settings
) -> None:
    settings.SERPENT_GIT_TIMEOUT = 1
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"git://127.0.0.1:{server.getsockname()[1]}/recipes.git"
        hanging = make_repository(project, slug="hanging", origin_uri=address)
        began = time.monotonic()
        assert "took longer than 1 s" in refresh_repository(hanging, at=AT).error
        assert time.monotonic() - began < 20
    settings.SERPENT_GIT_TIMEOUT = 60
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", release=2))
    tree.commit()
    assert refresh_repository(repository, at=AT).read == 1


def test_reading_has_the_same_limit_as_fetching(
    repository: Repository, tree: GitTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("z/zlib/stone.yaml", recipe_text("zlib", release=2))
    tree.commit()
    late = time.monotonic()
    monkeypatch.setattr(
        "summit.refresh.run.collect", lambda *facts, **more: collecting.collect(*facts, **(more | {"until": late}))
    )
    assert "took too long; 0 of 1 were read" in refresh_repository(repository, at=AT).error
    monkeypatch.undo()
    assert refresh_repository(repository, at=AT).read == 1


def test_more_recipes_than_any_repository_has_are_refused(
    repository: Repository, tree: GitTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "MOST_RECIPES", 3)
    for number in range(4):
        tree.write(f"m/m{number}/stone.yaml", recipe_text(f"m{number}"))
    tree.commit()
    assert "4 recipes are more than a repository may hold (3)" in refresh_repository(repository, at=AT).error
    assert Recipe.objects.existing().count() == 2


@pytest.mark.parametrize("is_first", [True, False])
def test_few_objects_that_make_very_many_directories_cost_seconds_only(
    repository: Repository, tree: GitTree, *, is_first: bool
) -> None:
    inner = tree.git("rev-parse", "HEAD:z")
    for _ in range(7):
        rows = b"".join(b"40000 d%02d\0" % number + bytes.fromhex(inner) for number in range(30))
        inner = _write_object(tree, "tree", rows)
    tree.git("update-ref", "refs/heads/main", tree.git("commit-tree", inner, "-p", "HEAD", "-m", "Many"))
    began = time.monotonic()
    outcome = refresh_repository(repository, at=AT, everything=is_first)
    assert outcome.error == "it has more than 250,000 directories, which no repository of recipes has"
    assert time.monotonic() - began < 60
    assert outcome.error in page_of(repository)
    assert Recipe.objects.existing().count() == 2


@pytest.mark.slow  # it writes a hundred thousand files
def test_a_hundred_thousand_files_are_walked_past(project: Project, tmp_path: Path) -> None:
    crowded = tmp_path / "crowded.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(crowded)], check=True)
    files = [f"M 100644 inline d{number % 300}/f{number}\ndata 2\nx\n\n" for number in range(100_000)]
    text = recipe_text("one")
    files.append(f"M 100644 inline one/stone.yaml\ndata {len(text)}\n{text}\n")
    commit = "commit refs/heads/main\ncommitter Ada <ada@example.org> 1700000000 +0000\ndata 1\nx\n" + "".join(files)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=crowded, input=commit.encode(), check=True)
    row = make_repository(project, slug="crowded", origin_uri=str(crowded))
    began = time.monotonic()
    assert (refresh_repository(row, at=AT).read, row.error) == (1, "")
    assert time.monotonic() - began < 60
    assert refresh_repository(row, at=AT).read == 0
