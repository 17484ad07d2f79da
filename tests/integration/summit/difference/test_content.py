"""What stands in git, however hostile, is shown in words or lines, bounded and escaped."""

import time
from collections.abc import Callable
from dataclasses import replace

import pygit2
import pytest
from django.test import Client
from pygit2.enums import FileMode
from pytest_django import Settings

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import encode_manifest
from summit import difference, file_difference, planning
from summit.models import BuildTask, Profile, Submission
from summit.refresh import refresh_repository
from summit.refresh.run import mirror_of
from summit.states import TaskStatus
from tests.factories.summit import AT, GitTree, recipe_text
from tests.integration.summit.difference.proposing import built, files_of
from tests.unit.serpent_infra.formats.crafted import SAMPLE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors", "strict_templates")]


def test_manifests_are_compared_in_words(next_release: Callable[[], Submission], tree: GitTree) -> None:
    old = replace(SAMPLE, name="nano", source_id="nano")
    tree.write("n/nano/manifest.x86_64.bin", encode_manifest([old]))
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    first = next_release()
    words = files_of(first)["manifest.x86_64.bin"]
    assert (words.kind, words.is_words, words.text) == ("added", True, "+ package nano\n")
    built_again = first.tasks.get()
    BuildTask.objects.filter(pk=built_again.pk).update(status=TaskStatus.COMPLETED, ended_at=AT)
    new = replace(old, provides=old.provides | {Capability.parse("binary(<b>rnano</b>)")})
    tree.write("n/nano/manifest.x86_64.bin", encode_manifest([new, replace(new, name="nano-devel")]))
    tree.write("n/nano/manifest.x86_64.jsonc", "/** x */\n{}\n")
    tree.write("n/nano/a.txt", "x\n")
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=3))
    tree.commit("Split")
    refresh_repository(first.repository, at=AT)
    planning.plan(Profile.objects.get(), at=AT)
    found = files_of(Submission.objects.latest("pk"))
    assert list(found) == ["stone.yaml", "a.txt", "manifest.x86_64.bin", "manifest.x86_64.jsonc"]
    assert found["manifest.x86_64.bin"].text == (
        "+ package nano-devel\nnano\n  providers:\n    + binary(<b>rnano</b>)\n"
    )


def test_what_is_no_text_is_said_in_words(next_release: Callable[[], Submission], tree: GitTree) -> None:
    place = tree.path / "n/nano"
    tree.write("n/nano/logo.png", b"\x89PNG\0\0")
    tree.write("n/nano/huge.txt", b"x\n" * 5 * 2**20)
    tree.write("n/nano/latin.txt", b"caf\xe9\n")
    tree.write("n/nano/manifest.x86_64.bin", b"\0mos and no more")
    tree.write("n/nano/empty", "")
    (place / "link").symlink_to("/etc/passwd")
    (place / "pkg/fix.patch").chmod(0o755)
    found = files_of(next_release())
    assert found["logo.png"].notes == ("binary, 6 bytes",)
    assert found["huge.txt"].notes == ("too large to be shown: 10,485,760 bytes",)
    assert found["huge.txt"].lines == ()
    assert found["latin.txt"].notes == ("no UTF-8: other bytes are shown by their numbers",)
    assert found["latin.txt"].text == "@@ -0,0 +1,1 @@\n+caf\\xe9\n"
    assert found["manifest.x86_64.bin"].notes == ("binary, 16 bytes",)
    assert found["empty"].notes == ("empty",)
    assert found["link"].notes == ("a symbolic link",)
    assert "+/etc/passwd" in found["link"].text
    assert (found["pkg/fix.patch"].kind, found["pkg/fix.patch"].notes) == (
        "changed",
        ("is an executable file now, was a file",),
    )


def test_a_removed_file_and_a_grown_one_say_their_sizes(
    next_release: Callable[[], Submission], tree: GitTree, propose: Callable[[], Submission]
) -> None:
    tree.write("n/nano/logo.png", b"\0" * 6)
    tree.write("n/nano/other.png", b"\0" * 9)
    first = next_release()
    first.tasks.update(status=TaskStatus.COMPLETED, ended_at=AT)
    tree.write("n/nano/logo.png", b"\0" * 1234)
    (tree.path / "n/nano/other.png").unlink()
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=3))
    tree.commit("Grow")
    found = files_of(propose())
    assert found["logo.png"].notes == ("binary, 6 → 1,234 bytes",)
    assert (found["other.png"].kind, found["other.png"].notes) == ("removed", ("binary, 9 bytes",))


def test_a_submodule_is_named(tree: GitTree, propose: Callable[[], Submission]) -> None:
    built(propose())
    tree.write("n/nano/stone.yaml", recipe_text("nano", release=2))
    tree.git("add", "n/nano/stone.yaml")
    tree.git("update-index", "--add", "--cacheinfo", f"160000,{'12' * 20},n/nano/vendored")
    tree.git("commit", "--quiet", "-m", "Update, with a submodule")
    found = files_of(propose())["vendored"]
    assert (found.kind, found.notes, found.lines) == ("added", ("a submodule", "recipes cannot hold any"), ())


def test_what_does_not_show_or_turns_a_line_around_is_escaped_and_a_long_line_is_cut(
    next_release: Callable[[], Submission], tree: GitTree, client: Client
) -> None:
    tree.write(
        "n/nano/build.sh", "a\u202eb\u200bc\x1b[31m\u00a0d\te\r\n" + "y" * 5000 + "\n<script>alert(1)</script>\n"
    )
    tree.write("n/nano/<img src=x>\n.txt", "x\n")
    submission = next_release()
    found = files_of(submission)
    lines = found["build.sh"].text.splitlines()
    assert lines[1] == r"+a\u202eb\u200bc\x1b[31m\xa0d" + "\te" + r"\r"
    assert lines[2] == "+" + "y" * 400 + " … (5,000 characters)"
    assert r"<img src=x>\n.txt" in found
    html = client.get(submission.get_absolute_url()).content.decode()
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert(1)" not in html
    assert "&lt;img src=x&gt;" in html
    assert "<img src=x" not in html


def test_a_file_a_page_and_a_list_of_files_are_cut_and_it_is_said(
    next_release: Callable[[], Submission], tree: GitTree, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(file_difference, "FILE_LINES", 10)
    monkeypatch.setattr(file_difference, "MOST_FILES", 4)
    for name in "abcdef":
        tree.write(f"n/nano/{name}.txt", "line\n" * 30)
    submission = next_release()
    [recipe] = difference.page_of(submission).recipes
    assert [file.path for file in recipe.found.files] == ["stone.yaml", "a.txt", "b.txt", "c.txt"]
    assert recipe.found.files[1].notes == ("cut after 10 of 31 lines",)
    assert len(recipe.found.files[1].lines) == 10
    assert (recipe.found.left_out, recipe.found.is_endless) == (3, False)
    assert b"3 more files that differ are not listed." in client.get(submission.get_absolute_url()).content


def test_a_page_takes_so_much_and_names_the_rest(
    next_release: Callable[[], Submission], tree: GitTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        tree.write(f"n/nano/{name}.txt", "line\n" * 30)
    budget = file_difference.Budget
    monkeypatch.setattr(difference, "Budget", lambda: budget(lines=50, bytes=100_000))
    submission = next_release()
    found = files_of(submission)
    assert [len(found[f"{name}.txt"].lines) for name in "abc"] == [31, 50 - 9 - 31, 0]
    assert found["c.txt"].notes == ("not shown, as there is so much else: 150 bytes",)
    monkeypatch.setattr(difference, "Budget", lambda: budget(lines=500, bytes=600))
    assert files_of(submission)["c.txt"].notes == ("not shown, as there is so much else: 150 bytes",)


def test_a_tree_that_names_itself_over_and_over_ends_soon(
    next_release: Callable[[], Submission], client: Client, settings: Settings
) -> None:
    submission = next_release()
    task = submission.tasks.get()
    mirror = mirror_of(submission.repository)
    bomb = pygit2.Repository(str(mirror.path))
    tree = _wide(bomb, {"f": bomb.create_blob(b"boom")}, FileMode.BLOB)
    for _ in range(8):
        tree = _wide(bomb, {str(number): tree for number in range(10)}, FileMode.TREE)
    nano = bomb.TreeBuilder(bomb[task.commit].peel(pygit2.Tree)["n/nano"].id)
    nano.insert("bomb", tree, FileMode.TREE)
    outer = _wide(bomb, {"n": _wide(bomb, {"nano": nano.write()}, FileMode.TREE)}, FileMode.TREE)
    who = pygit2.Signature("Ada", "ada@example.org")
    BuildTask.objects.filter(pk=task.pk).update(commit=str(bomb.create_commit(None, who, who, "Boom", outer, [])))
    began = time.monotonic()
    [recipe] = difference.page_of(submission).recipes
    assert time.monotonic() - began < 5
    assert recipe.found.is_endless
    assert recipe.found.files[0].path == "stone.yaml"
    assert len(recipe.found.files) == file_difference.MOST_FILES
    assert b"holds more than is looked at" in client.get(submission.get_absolute_url()).content


def _wide(repository: pygit2.Repository, items: dict[str, pygit2.Oid], mode: FileMode) -> pygit2.Oid:
    builder = repository.TreeBuilder()
    for name, item in items.items():
        builder.insert(name, item, mode)
    return builder.write()
