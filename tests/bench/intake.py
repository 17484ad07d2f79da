"""Times the intake of a recipe tree, in a process and a database of its own: `python -m tests.bench.intake TREE`."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.bench.tiny import write_tiny_recipes

T = TypeVar("T")


class Stopwatch:
    """Collects seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, name: str, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = work()
        self.seconds[name] = time.perf_counter() - began
        return result


def main(tree: Path) -> None:
    """Takes the tree in, then one more commit, and prints the seconds and what was found."""
    from django.conf import settings  # noqa: PLC0415 - only after setup
    from django.core.management import call_command  # noqa: PLC0415 - likewise
    from django.db import connection  # noqa: PLC0415 - likewise
    from django.utils import timezone  # noqa: PLC0415 - likewise

    from summit import founding, ordering, planning, refresh  # noqa: PLC0415 - likewise
    from summit.models import BuildTask, TaskEdge  # noqa: PLC0415 - likewise

    call_command("migrate", verbosity=0, interactive=False)
    watch, at = Stopwatch(), timezone.now()
    source, origin = settings.SERPENT_STATE_DIR / "tree", settings.SERPENT_STATE_DIR / "origin"
    shutil.copytree(tree, source, symlinks=True)
    project = founding.add_project(slug="real")
    profile = founding.add_profile(project, name="x86_64", at=at)
    watch.time("make a git repository of the tree", lambda: founding.make_git_repository(source, origin))
    repository = founding.add_repository(project, origin_uri=str(origin), slug="recipes", at=at)
    read = watch.time("refresh: fetch, parse and store all", lambda: refresh.refresh_repository(repository, at=at))
    planned = watch.time("plan and order all", lambda: planning.plan(profile, at=at))
    watch.time("order once more, nothing changed", lambda: ordering.reorder(profile, at=at))
    write_tiny_recipes(source, ["one-more"])
    founding.make_git_repository(source, origin)
    repository.refresh_from_db()
    watch.time("refresh: one recipe came", lambda: refresh.refresh_repository(repository, at=at))
    watch.time("plan and order after it", lambda: planning.plan(profile, at=at))
    facts = {
        "read": read.read,
        "broken": read.broken,
        "planned": planned.created,
        "blocked": BuildTask.objects.filter(status="blocked").count(),
        "edges": TaskEdge.objects.count(),
        "database": connection.vendor,
    }
    print(json.dumps({"seconds": watch.seconds, "facts": facts}))  # noqa: T201 - the answer


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serpent_infra.settings")
    django.setup()
    main(Path(sys.argv[1]))
