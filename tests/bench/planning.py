"""Times planning, order and forecast of stored recipes, in a process and a database of its own.

`python -m tests.bench.planning TREE SIZE`: the recipes of a tree, and copies with names of their own until there are
so many.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from summit.needs import Usage
from tests.bench.intake import Stopwatch
from tests.bench.synthetic import many

if TYPE_CHECKING:
    from datetime import datetime

    from summit.needs import Node

SLOTS = 8


def store(nodes: "Sequence[Node]", *, at: "datetime") -> None:
    """Stores recipes with all that they provide and need, as a refresh leaves them."""
    from summit import bulk, founding  # noqa: PLC0415 - only after setup
    from summit.models import Dependency, Provider, Recipe  # noqa: PLC0415 - likewise

    project = founding.add_project(slug="bench")
    founding.add_profile(project, name="x86_64", at=at)
    repository = founding.add_repository(project, origin_uri="https://git.example/recipes.git", at=at)
    recipes = (
        Recipe(
            repository=repository,
            path=f"{node.key}/stone.yaml",
            name=node.name,
            version="1",
            release=1,
            commit="c" * 40,
            commit_subject="Add all",
            changed_at=at,
        )
        for node in nodes
    )
    keys = [recipe.pk for recipe in Recipe.objects.bulk_create(recipes, batch_size=500)]
    columns = ("recipe_id", "package", "kind", "target", "architecture")
    bulk.insert(Provider, columns, _provided(nodes, keys))
    bulk.insert(Dependency, (*columns, "usage", "implied_by"), _needed(nodes, keys))


def _provided(nodes: "Iterable[Node]", keys: Iterable[int]) -> Iterable[tuple[int | str, ...]]:
    for key, node in zip(keys, nodes, strict=True):
        architecture = "x86_64" if node.is_certain else ""
        for one in node.provides:
            yield key, node.name, int(one.kind), one.target, architecture


def _needed(nodes: "Iterable[Node]", keys: Iterable[int]) -> Iterable[tuple[int | str, ...]]:
    for key, node in zip(keys, nodes, strict=True):
        for need in node.needs:
            capability = need.capability
            yield key, "", int(capability.kind), capability.target, "", need.usage.value, ""
        for one in node.implied:
            yield key, "", int(one.kind), one.target, "", Usage.IMPLIED.value, "a macro"


def main(tree: Path, size: int) -> None:
    """Fills the database, measures, and prints the seconds and what was found as JSON."""
    from django.core.management import call_command  # noqa: PLC0415 - only after setup
    from django.db import connection  # noqa: PLC0415 - likewise
    from django.utils import timezone  # noqa: PLC0415 - likewise

    from summit import ordering, outlook, planning  # noqa: PLC0415 - likewise
    from summit.models import BuildTask, Profile, TaskEdge  # noqa: PLC0415 - likewise
    from summit.simulation import trees  # noqa: PLC0415 - likewise
    from tests.factories.avalanche import make_builder  # noqa: PLC0415 - likewise

    call_command("migrate", verbosity=0, interactive=False)
    call_command("flush", verbosity=0, interactive=False)
    at = timezone.now()
    nodes, _ = trees.read_tree(tree, architecture="x86_64")
    watch = Stopwatch()
    watch.time("fill", lambda: store(many(nodes, size, usages=frozenset(Usage)), at=at))
    make_builder(slots=SLOTS, at=at)
    profile = Profile.objects.get()
    planned = watch.time("plan and order all, nothing stored before", lambda: planning.plan(profile, at=at))
    watch.time("order from stored rows, nothing changed", lambda: ordering.reorder(profile, at=at))
    watch.time("plan and order from stored rows, nothing changed", lambda: planning.plan(profile, at=at))
    found = watch.time("forecast from stored rows", lambda: outlook.foresee(at=at))
    facts = {
        "planned": planned.created,
        "edges": TaskEdge.objects.count(),
        "blocked": BuildTask.objects.filter(status="blocked").count(),
        "foreseen": len(found.outlooks),
        "waiting": found.waiting,
        "database": connection.vendor,
    }
    print(json.dumps({"seconds": watch.seconds, "facts": facts}))  # noqa: T201 - the answer


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serpent_infra.settings")
    django.setup()
    main(Path(sys.argv[1]), int(sys.argv[2]))
