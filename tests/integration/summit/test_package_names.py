"""A recipe of one repository does not begin to make what a recipe of another makes; each is told of the other."""

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from summit import planning
from summit.models import BuildTask, Profile, Project, Provider, Recipe, Repository
from summit.refresh import refresh_repository
from tests.factories.summit import AT, GitTree, make_repository, recipe_text
from tests.integration import pages

strict_templates = pages.strict_templates
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors", "strict_templates")]


def with_packages(name: str, *packages: str, release: int = 1) -> str:
    listed = "".join(f'    - "{package}":\n        paths: [/usr/lib/{package}]\n' for package in packages)
    return recipe_text(name, release=release) + (f"packages:\n{listed}" if listed else "")


class Place:
    """A repository, its origin, and the way from one to the other."""

    def __init__(self, project: Project, path: Path, slug: str) -> None:
        self.tree = GitTree(path / slug)
        self.row = make_repository(project, slug=slug, origin_uri=str(self.tree.path))

    def push(self, name: str, text: str) -> Recipe:
        """Commits a recipe's text, reads it, and gives its row."""
        self.tree.write(f"{name}/stone.yaml", text)
        self.tree.commit(f"Change {name}")
        self.read()
        return Recipe.objects.get(repository=self.row, path=f"{name}/stone.yaml")

    def read(self, *, everything: bool = False) -> None:
        self.row.refresh_from_db()
        assert refresh_repository(self.row, at=AT, everything=everything).error == ""


@pytest.fixture
def ours(project: Project, tmp_path: Path) -> Place:
    place = Place(project, tmp_path, "ours")
    place.push("gcc", with_packages("gcc", "libgcc", "%(name)-ada"))
    return place


@pytest.fixture
def theirs(project: Project, tmp_path: Path, ours: Place) -> Place:
    return Place(project, tmp_path, "theirs")


def test_a_recipe_that_begins_to_make_anothers_package_stays_as_it_was_and_names_both(
    theirs: Place, profile: Profile
) -> None:
    good = theirs.push("tool", with_packages("tool", "tool-extra"))
    row = theirs.push("tool", with_packages("tool", "tool-extra", "libgcc", "gcc-ada", release=2))
    assert row.error == (
        "tool would make the packages gcc-ada, libgcc, which gcc (ours: gcc/stone.yaml) of the project makes already, "
        "and it stays as it was"
    )
    assert (row.claims, row.conflict) == (["gcc-ada", "libgcc"], "")
    assert (row.pk, row.release, row.commit) == (good.pk, 1, good.commit)
    assert row.error_commit == theirs.tree.git("rev-parse", "HEAD")
    assert not Provider.objects.filter(recipe=row, target="libgcc").exists()
    planning.plan(profile, at=AT)
    assert BuildTask.objects.get(source_name="tool").release == 1
    html = Client().get(row.get_absolute_url()).content.decode()
    assert "Packages of it are taken" in html
    assert "What follows is its last good state." in html
    assert "does not parse" not in html


def test_a_new_recipe_named_as_anothers_package_is_not_built(theirs: Place, profile: Profile) -> None:
    row = theirs.push("libgcc", recipe_text("libgcc", release=99))
    assert "libgcc would make the package libgcc, which gcc (ours: gcc/stone.yaml)" in row.error
    assert row.release == 0
    planning.plan(profile, at=AT)
    assert [task.source_name for task in BuildTask.objects.all()] == ["gcc"]


def test_nor_is_one_whose_package_is_anothers_recipe(theirs: Place) -> None:
    row = theirs.push("shadow", with_packages("shadow", "gcc"))
    assert "would make the package gcc, which gcc (ours" in row.error


def test_packages_that_a_build_may_make_by_itself_are_guarded_too(ours: Place, theirs: Place) -> None:
    row = theirs.push("gcc-devel", recipe_text("gcc-devel"))
    assert "gcc-devel would make the package gcc-devel, which gcc (ours" in row.error


def test_it_has_what_it_claims_as_soon_as_the_other_lets_go_of_it(ours: Place, theirs: Place, profile: Profile) -> None:
    theirs.push("tool", recipe_text("tool"))
    claiming = theirs.push("tool", with_packages("tool", "libgcc", release=2)).error_commit
    theirs.push("other", recipe_text("other"))  # the branch goes on
    theirs.read()
    row = Recipe.objects.get(name="tool")
    assert (row.release, row.claims) == (1, ["libgcc"])
    ours.push("gcc", with_packages("gcc", "%(name)-ada", release=2))
    assert Repository.objects.get(pk=theirs.row.pk).refresh_requested_at == AT, "nobody pushes there for this"
    theirs.read()
    row.refresh_from_db()
    assert (row.release, row.error, row.claims, row.commit) == (2, "", [], claiming)
    assert (row.commit_subject, row.error_commit) == ("Change tool", "")
    assert Provider.objects.filter(recipe=row, target="libgcc").exists()
    # And now it is theirs.
    gcc = ours.push("gcc", with_packages("gcc", "libgcc", release=3))
    assert "which tool (theirs: tool/stone.yaml)" in gcc.error
    assert gcc.release == 2


def test_what_is_given_up_while_the_other_still_has_it_is_well_again(theirs: Place) -> None:
    theirs.push("tool", recipe_text("tool"))
    theirs.push("tool", with_packages("tool", "libgcc", release=2))
    row = theirs.push("tool", with_packages("tool", "libtool", release=3))
    assert (row.release, row.error, row.claims) == (3, "", [])


def test_a_removed_recipe_lets_go_of_its_packages(ours: Place, theirs: Place) -> None:
    theirs.push("tool", with_packages("tool", "libgcc"))
    ours.tree.git("rm", "-r", "--quiet", "gcc")
    ours.tree.commit("Remove gcc")
    ours.read()
    theirs.read()
    row = Recipe.objects.get(repository=theirs.row)
    assert (row.name, row.release, row.error) == ("tool", 1, "")


def test_within_a_repository_packages_move_as_they_please(ours: Place) -> None:
    row = ours.push("libgcc", recipe_text("libgcc"))
    assert (row.error, row.release) == ("", 1)


def test_what_both_had_before_is_left_to_both(ours: Place, theirs: Place) -> None:
    row = theirs.push("tool", recipe_text("tool"))
    Recipe.objects.filter(pk=row.pk).update(package_names=[*row.package_names, "libgcc"])
    row = theirs.push("tool", with_packages("tool", "libgcc", release=2))
    assert (row.error, row.release) == ("", 2)
    ours.read(everything=True)
    assert Recipe.objects.get(name="gcc").error == ""


def test_a_recipe_of_the_same_name_waits_as_a_whole_and_another_project_is_its_own(
    theirs: Place, tmp_path: Path
) -> None:
    row = theirs.push("gcc", with_packages("gcc", "libgcc", release=99))
    assert (row.error, row.claims) == ("", [])
    assert "named gcc already" in row.conflict
    foreign = Place(Project.objects.create(slug="foreign", title="Foreign"), tmp_path, "foreign")
    assert foreign.push("tool", with_packages("tool", "libgcc")).error == ""


def test_one_that_waited_for_a_name_does_not_get_the_packages_with_it(ours: Place, theirs: Place) -> None:
    waiting = theirs.push("gcc", with_packages("gcc", "libgcc", release=99))
    ours.tree.git("mv", "gcc", "gcc14")
    ours.push("gcc14", with_packages("gcc14", "libgcc"))
    waiting.refresh_from_db()
    assert waiting.conflict == (
        "gcc would make the package libgcc, which gcc14 (ours: gcc14/stone.yaml) of the project makes already, "
        "so this one is not built"
    )
    assert waiting not in Recipe.objects.buildable()
    ours.push("gcc14", recipe_text("gcc14"))
    waiting.refresh_from_db()
    assert waiting.conflict == ""


def test_of_two_that_waited_the_first_has_what_both_would_make(
    ours: Place, theirs: Place, project: Project, tmp_path: Path
) -> None:
    ours.push("zlib", recipe_text("zlib"))
    third = Place(project, tmp_path, "third")
    first = theirs.push("gcc", with_packages("gcc", "libshared", release=9))
    second = third.push("zlib", with_packages("zlib", "libshared", release=9))
    assert first.conflict != ""
    assert second.conflict != ""
    ours.tree.git("rm", "-r", "--quiet", "gcc", "zlib")
    ours.tree.commit("Give both up")
    ours.read()
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.conflict == ""
    assert "zlib would make the package libshared, which gcc (theirs: gcc/stone.yaml)" in second.conflict
    theirs.push("gcc", recipe_text("gcc", release=10))
    second.refresh_from_db()
    assert second.conflict == ""


def test_a_private_repository_is_not_told_of(ours: Place, theirs: Place) -> None:
    Repository.objects.filter(pk=ours.row.pk).update(is_private=True)
    row = theirs.push("tool", with_packages("tool", "libgcc"))
    assert "the package libgcc, which a recipe of a private repository of the project makes already" in row.error
    assert "gcc/stone.yaml" not in Client().get(row.get_absolute_url()).content.decode()


def test_one_that_claims_does_not_hold_up_the_others(theirs: Place) -> None:
    theirs.tree.write("zlib/stone.yaml", recipe_text("zlib"))
    theirs.push("tool", with_packages("tool", "libgcc"))
    assert Recipe.objects.get(name="zlib").release == 1


def test_a_mirror_that_lost_the_commit_of_a_claim_takes_the_head(
    ours: Place, theirs: Place, settings: Settings
) -> None:
    theirs.push("tool", with_packages("tool", "libgcc"))
    Recipe.objects.filter(repository=theirs.row).update(error_commit="ab" * 20)
    ours.push("gcc", recipe_text("gcc", release=2))
    theirs.read()
    assert Recipe.objects.get(repository=theirs.row).commit == theirs.tree.git("rev-parse", "HEAD")
