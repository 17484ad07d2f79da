"""Times ends of builds in a queue of tasks, in a process and a database of its own.

`python -m tests.bench.completion EDGES SIZE`: EDGES is a JSON file with the number of tasks of a tree and its needs.
"""

import json
import os
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.models import Model

COMPLETIONS = 200


def fill(edges: list[tuple[int, int]], tree: int, size: int, *, at: datetime) -> None:
    """Stores tasks and needs: a tree, and copies of its rows until there are `size` tasks."""
    from django.db.models import Max  # noqa: PLC0415 - only after setup

    from summit import bulk, founding  # noqa: PLC0415 - likewise
    from summit.models import BuildTask, Recipe, Submission, TaskEdge  # noqa: PLC0415 - likewise
    from summit.states import SubmissionStatus  # noqa: PLC0415 - likewise

    project = founding.add_project(slug="bench")
    profile = founding.add_profile(project, name="x86_64", at=at)
    repository = founding.add_repository(project, origin_uri="https://git.example/recipes.git", at=at)
    submission = Submission.objects.create(
        repository=repository, commit="0" * 40, status=SubmissionStatus.ACCEPTED, created_at=at
    )
    names = [f"r{key}" for key in range(tree)]
    recipes = Recipe.objects.bulk_create(
        Recipe(
            repository=repository,
            path=name,
            name=name,
            version="1",
            release=1,
            commit="0" * 40,
            manifests=["x86_64"],
        )
        for name in names
    )
    blockers, dependants = Counter(task for task, _ in edges), Counter(needs for _, needs in edges)
    tasks = [
        BuildTask.wish(
            recipe=recipe, profile=profile, submission=submission, reason="", build_release=1, estimate=60.0, at=at
        )
        for recipe in recipes
    ]
    for key, task in enumerate(tasks):
        task.blockers, task.priority, task.share = blockers[key], float(dependants[key]), "group:bench"
    BuildTask.objects.bulk_create(tasks)
    columns = ["task_id", "needs_id", "capability", "usage", "kind", "published"]
    edge_rows = ((tasks[one].pk, tasks[other].pk, "name", "build", "hard", "") for one, other in edges)
    bulk.insert(TaskEdge, columns, edge_rows)
    stored = tree
    while stored < size:
        more = min(stored, size - stored)
        limit = tasks[0].pk + more
        highest = [int(model.objects.aggregate(top=Max("pk"))["top"]) for model in (Recipe, BuildTask, TaskEdge)]
        _copy(Recipe, {"id": highest[0]}, path=stored, where=f"id < {recipes[0].pk + more}")
        _copy(BuildTask, {"id": highest[1], "recipe_id": highest[0]}, where=f"id < {limit}")
        shifts = {"id": highest[2], "task_id": highest[1], "needs_id": highest[1]}
        _copy(TaskEdge, shifts, where=f"task_id < {limit} AND needs_id < {limit}")
        stored += more
    assert BuildTask.objects.count() == size


def _copy(model: "type[Model]", shifts: dict[str, int], *, path: int | None = None, where: str) -> None:
    """Copies rows of a table with their keys shifted, and a number put behind a path, which must not be there twice."""
    from django.db import connection  # noqa: PLC0415 - only after setup

    names = [str(field.column) for field in model._meta.concrete_fields]
    quoted = {name: connection.ops.quote_name(name) for name in names}
    values = [f"{quoted[name]} + {shifts[name]}" if name in shifts else quoted[name] for name in names]
    if path is not None:
        values[names.index("path")] = f"path || '~{path}'"
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(quoted.values())}) "  # noqa: S608 - names and numbers of ours
            f"SELECT {', '.join(values)} FROM {table} WHERE {where}"
        )


def measure(*, at: datetime) -> dict[str, list[float]]:
    """Ends builds chosen by lot: what the end costs, and what finding the next build for a free slot costs."""
    from summit import lanes, lifecycle  # noqa: PLC0415 - only after setup
    from summit.models import BuildTask, TaskEdge  # noqa: PLC0415 - likewise
    from summit.scheduler import Slot, pair  # noqa: PLC0415 - likewise
    from summit.states import TaskStatus  # noqa: PLC0415 - likewise

    free = [Slot(builder="b", index=0, architecture="x86_64", isa_levels=frozenset(), is_official=True)]
    seconds: dict[str, list[float]] = {"end": [], "next": []}
    keys = list(BuildTask.objects.values_list("pk", flat=True))
    needs = TaskEdge.objects.count()
    for key in Random(0).sample(keys, COMPLETIONS):  # noqa: S311 - a lot that can be drawn again
        BuildTask.objects.filter(pk=key).update(status=TaskStatus.PUBLISHING, blockers=0)
        task = BuildTask.objects.select_related("profile", "recipe").get(pk=key)
        began = perf_counter()
        lifecycle.complete(task, version="v1", at=at)
        seconds["end"].append(perf_counter() - began)
        began = perf_counter()
        found = lanes.look(free, [], at=at)
        assert len(pair(found.ready, free, shares=found.shares, fleet=found.fleet)) == 1
        seconds["next"].append(perf_counter() - began)
    assert TaskEdge.objects.count() == needs, "an end has made the order anew: that is not what is measured"
    return seconds


def main(edges: Path, size: int) -> None:
    """Fills the database, measures, and prints the seconds as JSON."""
    from django.core.management import call_command  # noqa: PLC0415 - only after setup
    from django.db import connection  # noqa: PLC0415 - likewise
    from django.utils import timezone  # noqa: PLC0415 - likewise

    call_command("migrate", verbosity=0, interactive=False)
    call_command("flush", verbosity=0, interactive=False)
    tree = json.loads(edges.read_text())
    began = perf_counter()
    fill(tree["edges"], tree["size"], size, at=timezone.now())
    filled = perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as a database does by itself in the long run
    answer = {"seconds": measure(at=timezone.now()), "filled": filled, "database": connection.vendor}
    print(json.dumps(answer))  # noqa: T201 - the answer


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serpent_infra.settings")
    django.setup()
    main(Path(sys.argv[1]), int(sys.argv[2]))
