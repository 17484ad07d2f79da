"""What the distribution's manifests say of its packages, found again from its recipes."""

import json
from pathlib import Path

import pytest

from serpent_infra.formats.dependency import Kind
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.packaging.buckets import Bucket
from serpent_infra.formats.packaging.table import PackageTable, package_table
from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.formats.stone.meta import Meta

pytestmark = pytest.mark.real_data
Built = list[tuple[Path, PackageTable, tuple[Meta, ...]]]


@pytest.fixture(scope="module")
def built(recipe_tree: Path) -> Built:
    found = []
    for path in sorted(recipe_tree.rglob("stone.yaml")):
        recipe = parse_recipe(path.read_bytes())
        found.append(
            (path.parent, package_table(recipe, "x86_64"), decode_manifest(path.parent / "manifest.x86_64.bin"))
        )
    return found


def test_every_package_is_in_its_recipes_table(built: Built) -> None:
    metas = [(table, meta) for _, table, metas in built for meta in metas]
    assert len(metas) == 3993
    assert [meta.name for table, meta in metas if meta.name not in table.packages] == []


def test_summaries_and_descriptions_are_found_again(built: Built) -> None:
    plans = [(table.packages[meta.name], meta) for _, table, metas in built for meta in metas]
    assert [meta.name for plan, meta in plans if plan.summary != meta.summary] == []
    assert sum(plan.description == meta.description for plan, meta in plans) >= 3986


def test_stated_runtime_dependencies_are_found_again(built: Built) -> None:
    wrong = []
    for _, table, metas in built:
        for meta in metas:
            stated = {one for one in Bucket(table.packages[meta.name]).depends() if one.kind is Kind.NAME}
            if stated != {one for one in meta.depends if one.kind is Kind.NAME}:
                wrong.append(meta.name)
    assert wrong == []


def test_files_go_to_the_packages_that_the_real_builder_chose(built: Built) -> None:
    right = wrong = 0
    for directory, table, _ in built:
        report = directory / "manifest.x86_64.jsonc"
        packages = json.loads(report.read_text().partition("\n")[2])["packages"] if report.exists() else {}
        for name, package in packages.items():
            hits = [table.rules.package_of(path) == name for path in package.get("files", ())]
            right += sum(hits)
            wrong += len(hits) - sum(hits)
    assert (right, wrong) == (682_020, 15)
