"""`manage.py import_tree PATH`: a tree of recipes becomes a git repository that is read, planned and ordered."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from summit import founding
from summit.models import BuildTask
from summit.states import TaskStatus


class Command(BaseCommand):
    """Loads recipes without a git server; running it again commits and reads what changed."""

    help = "Makes a git repository of a tree (or tar archive) of recipes, reads it, plans and orders its builds."

    def add_arguments(self, parser: CommandParser) -> None:
        """Names the tree and the project."""
        parser.add_argument("path", type=Path)
        parser.add_argument("--project", default="imported")
        parser.add_argument("--slug", default="recipes", help="name of the repository")
        parser.add_argument("--architecture", default="x86_64")
        parser.add_argument("--paused", action="store_true", help="pause the project: nothing is dispatched")

    def handle(self, *_args: object, **options: Any) -> None:  # noqa: ANN401 - as Django gives them
        """Imports it."""
        source: Path = options["path"]
        if not source.exists():
            raise CommandError(f"{source} does not exist")
        at, began = timezone.now(), time.monotonic()
        try:
            project = founding.add_project(slug=options["project"])
            if options["paused"]:
                type(project).objects.filter(pk=project.pk).update(is_paused=True)
            architecture = options["architecture"]
            founding.add_profile(project, name=architecture, architecture=architecture, at=at)
            origins = Path(settings.SERPENT_STATE_DIR) / "origins"
            done = founding.import_tree(project, source=source, origins_dir=origins, slug=options["slug"], at=at)
        except founding.Unfit as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.refresh.read} recipes read, {done.refresh.broken} broken, {done.refresh.removed} gone, "
            f"at {done.refresh.commit[:12]}"
        )
        tasks = BuildTask.objects.open().filter(recipe__repository=done.repository)
        ready, blocked = tasks.filter(status=TaskStatus.QUEUED, blockers=0), tasks.filter(status=TaskStatus.BLOCKED)
        self.stdout.write(
            f"{sum(plan.created for plan in done.plans)} builds planned; {tasks.count()} open, {ready.count()} ready, "
            f"{blocked.count()} blocked; {time.monotonic() - began:.1f} s in all"
        )
