"""Every recipe of the distribution played again: what its manifests say of packages, found from recipe and file list.

What can be found that way are the package of each file, summaries, descriptions, dependencies by plain name, and the
providers that files show by name. The figures are exact, and what differs is named (stone-spec 7.3). Playing takes six
seconds of one processor: 1,737 recipes, 682,035 files, 50 MB of reports.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.manifest_report import decode_report
from serpent_infra.formats.packaging.analysis import Findings
from serpent_infra.formats.packaging.buckets import Bucket
from serpent_infra.formats.packaging.named_files import cmake_provides, program_provides
from serpent_infra.formats.packaging.pkg_config import pkg_config_provides
from serpent_infra.formats.packaging.table import package_table
from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.formats.stone.meta import Meta

pytestmark = pytest.mark.real_data

BY_NAME = (program_provides, pkg_config_provides, cmake_provides)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One package: as its manifest has it, and as it is found again; `files` is None without a readable report."""

    recipe: str
    meta: Meta
    bucket: Bucket
    files: dict[str, str] | None = None

    def differs_in(self, *kinds: Kind) -> bool:
        """Says whether providers of these kinds are others than the manifest's."""
        return _of(kinds, self.bucket.provides()) != _of(kinds, self.meta.provides)


@dataclass(slots=True)
class Replay:
    """All packages, and the file names of recipes whose table does not even hold a package of their manifest."""

    packages: list[Replayed] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def reported(self) -> list[Replayed]:
        """Those whose files are known."""
        return [one for one in self.packages if one.files is not None]


def _of(kinds: tuple[Kind, ...], capabilities: frozenset[Capability]) -> set[Capability]:
    return {one for one in capabilities if one.kind in kinds}


def replayed(directory: Path, into: Replay) -> None:
    recipe = parse_recipe((directory / "stone.yaml").read_bytes())
    table = package_table(recipe, "x86_64")
    path = directory / "manifest.x86_64.jsonc"
    report = decode_report(path.read_text(encoding="utf-8")) if path.exists() else None
    files = {} if report is None else {one.name: one.files for one in report.packages}
    for meta in decode_manifest(directory / "manifest.x86_64.bin"):
        if meta.name not in table.packages:
            into.unknown.append(f"{recipe.name}: {meta.name}")
            continue
        paths = files.get(meta.name, ())
        found = Findings(
            provides={one for path in paths for provided in BY_NAME if (one := provided(path)) is not None}
        )
        chosen = None if report is None else {path: table.rules.package_of(path) for path in paths}
        into.packages.append(Replayed(recipe.name, meta, Bucket(table.packages[meta.name], findings=found), chosen))


@pytest.fixture(scope="module")
def replay(recipe_tree: Path) -> Replay:
    found = Replay()
    for path in sorted(recipe_tree.rglob("stone.yaml")):
        replayed(path.parent, found)
    return found


def test_every_package_of_every_manifest_is_in_its_recipes_table(replay: Replay) -> None:
    assert replay.unknown == []
    assert len(replay.packages) == 3993
    assert len(replay.reported()) == 3992  # papirus-icon-theme has no report
    assert len({one.recipe for one in replay.packages}) == 1737


def test_files_go_to_the_packages_that_the_real_builder_chose(replay: Replay) -> None:
    reported = replay.reported()
    wrong = [
        f"{path}: in {one.meta.name}, by the rules in {chosen}"
        for one in reported
        for path, chosen in (one.files or {}).items()
        if chosen != one.meta.name
    ]
    count = sum(len(one.files or {}) for one in reported)
    assert (count, len(wrong)) == (682_035, 15), "\n".join(wrong)
    # Built before the templates gave such files to the -devel package.
    assert {line.rpartition("/")[0] for line in (one.partition(":")[0] for one in wrong)} == {"/usr/share/vala/vapi"}
    recipes = {one.recipe for one in reported if any(chosen != one.meta.name for chosen in (one.files or {}).values())}
    assert len(recipes) == 8


def test_summaries_are_found_again(replay: Replay) -> None:
    right = [one.bucket.plan.summary == one.meta.summary for one in replay.packages]
    wrong = [one.meta.name for one in replay.packages if one.bucket.plan.summary != one.meta.summary]
    assert (sum(right), wrong) == (3993, [])


def test_descriptions_are_found_again_but_for_those_that_were_edited_since(replay: Replay) -> None:
    wrong = [one for one in replay.packages if one.bucket.plan.description != one.meta.description]
    assert len(replay.packages) - len(wrong) == 3986, [one.meta.name for one in wrong]
    reworded = [one for one in wrong if one.bucket.plan.description.split() != one.meta.description.split()]
    assert [one.meta.name for one in reworded] == ["iniparser"]  # the others differ in white space


def test_plain_dependencies_are_found_again(replay: Replay) -> None:
    wrong = [
        one.meta.name
        for one in replay.packages
        if {each for each in one.bucket.depends() if each.kind is Kind.NAME}
        != {each for each in one.meta.depends if each.kind is Kind.NAME}
    ]
    assert (len(replay.packages) - len(wrong), wrong) == (3993, [])


@pytest.mark.parametrize(
    "kinds",
    [(Kind.BINARY, Kind.SYSBINARY), (Kind.PKGCONFIG, Kind.PKGCONFIG32), (Kind.CMAKE,)],
    ids=["programs", "pkg-config", "cmake"],
)
def test_providers_that_files_show_are_found_again(replay: Replay, kinds: tuple[Kind, ...]) -> None:
    wrong = [one.meta.name for one in replay.reported() if one.differs_in(*kinds)]
    assert (len(replay.reported()) - len(wrong), wrong) == (3992, [])


def test_as_many_providers_of_each_kind_are_found_as_there_are(replay: Replay) -> None:
    found = Counter(one.kind for each in replay.reported() for one in each.bucket.provides())
    stated = Counter(one.kind for each in replay.reported() for one in each.meta.provides)
    assert found == {kind: stated[kind] for kind in found}
    assert found == {
        Kind.BINARY: 4760,
        Kind.SYSBINARY: 761,
        Kind.PKGCONFIG: 1602,
        Kind.PKGCONFIG32: 156,
        Kind.CMAKE: 1052,
    }


def test_exclusions_decide_what_two_recipes_provide(replay: Replay) -> None:
    """Without their provides-exclude these packages would differ from their manifests."""
    needed = {
        one.recipe
        for one in replay.reported()
        if one.bucket.plan.provides_exclude and one.bucket.provides() != one.bucket.findings.provides
    }
    assert needed == {"pybind11", "vapoursynth"}
