"""Repositories of a project that are read at the same moment, on PostgreSQL: a package has one maker all the same."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection

from summit.models import Recipe, Repository
from summit.refresh import refresh_repository
from tests.factories.summit import AT, GitTree, make_project, make_repository, recipe_text

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("doors"),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL: make test runs it there"),
]

CROWD = 5


@pytest.mark.parametrize("round_number", range(3))
def test_of_many_that_begin_to_make_a_package_one_does(tmp_path: Path, round_number: int) -> None:
    project = make_project()
    rows = []
    for number in range(CROWD):
        tree = GitTree(tmp_path / str(number))
        text = recipe_text(f"tool{number}", release=round_number + 1)
        tree.write("tool/stone.yaml", f"{text}packages:\n    - shared:\n        paths: [/usr/lib/shared]\n")
        tree.commit()
        rows.append(make_repository(project, slug=f"r{number}", origin_uri=str(tree.path)))
    start = Barrier(CROWD)

    def read(row: Repository) -> str:
        try:
            start.wait(timeout=20)
            return refresh_repository(row, at=AT).error
        finally:
            connection.close()

    with ThreadPoolExecutor(CROWD) as crowd:
        assert list(crowd.map(read, rows)) == [""] * CROWD
    makers = [row for row in Recipe.objects.buildable() if "shared" in row.package_names]
    assert len(makers) == 1
    others = Recipe.objects.exclude(pk=makers[0].pk)
    assert len(others) == CROWD - 1
    for row in others:
        assert row.claims == ["shared"]
        assert f"which {makers[0].name} (" in row.error
