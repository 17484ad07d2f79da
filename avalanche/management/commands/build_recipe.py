"""`manage.py build_recipe`: builds one recipe directory on this machine, without a hub."""

import os
import shutil
import sys
import tempfile
import time
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError, CommandParser

from avalanche.agent import machine
from avalanche.agent.configuration import Configuration, usable_cpus
from avalanche.agent.journal import Journal
from avalanche.agent.limits import BuildStopped, Interruption, Watch
from avalanche.agent.sandbox.probe import NoSandbox, choose
from avalanche.agent.sandbox.protocol import SandboxFailed
from avalanche.agent.tools.builtin.checkout import RECIPE_FILE, read_recipe
from avalanche.agent.tools.builtin.tool import Builtin
from avalanche.agent.tools.protocol import BuildFailed, Job
from avalanche.agent.workspace import Workspace, remove_tree
from serpent_infra.formats.recipe import Recipe
from serpent_infra.wire.orders import BuildOrder, BuildPurpose, Limits, RemoteIndex, Source
from serpent_infra.wire.reports import ArtefactInfo


class Command(BaseCommand):
    """Builds a recipe with the builtin tool in the best sandbox there is."""

    help = "Builds the recipe in a directory and writes its packages and manifests; needs no hub."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes the recipe, where the result goes and where dependencies come from."""
        parser.add_argument("recipe", type=_recipe_directory, help="the directory that holds stone.yaml")
        parser.add_argument("--output", type=Path, default=Path(), help="where packages are written; default: here")
        parser.add_argument(
            "--index", action="append", default=[], help="URI of a stone.index to resolve against; the first wins"
        )
        parser.add_argument("--build-release", type=int, default=1, help="the packages' build release; default: 1")
        parser.add_argument("--verify", action="store_true", help="fail where its manifest promises something else")
        parser.add_argument("--quiet", action="store_true", help="print no log, only what was made or what failed")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002, ANN401 - Django's signature
        """Builds and prints what was made."""
        configuration = Configuration.from_settings()
        with tempfile.TemporaryDirectory(prefix="build-recipe-") as place:
            workspace = Workspace.fresh(Path(place))
            try:
                artefacts = self._build(configuration, workspace, options)
                options["output"].mkdir(parents=True, exist_ok=True)
                for artefact in artefacts:
                    shutil.copy2(workspace.artefacts_dir / artefact.name, options["output"])
                    self.stdout.write(f"{artefact.sha256}  {options['output'] / artefact.name}")
            except BuildFailed as error:
                raise CommandError(_sentence(error)) from error
            except (BuildStopped, SandboxFailed, NoSandbox) as error:
                raise CommandError(str(error)) from error
            finally:
                remove_tree(workspace.directory)

    def _build(
        self, configuration: Configuration, workspace: Workspace, options: dict[str, Any]
    ) -> tuple[ArtefactInfo, ...]:
        shutil.copytree(options["recipe"], workspace.recipe_dir, symlinks=True, dirs_exist_ok=True)
        recipe = read_recipe(workspace.recipe_dir / RECIPE_FILE, str(options["recipe"] / RECIPE_FILE))
        sandbox = choose(
            wanted=configuration.wanted_sandbox,
            base=configuration.base_image,
            directory=workspace.directory,
            group=f"serpent-recipe-{os.getpid()}",
        )
        order = _order(recipe, options)
        journal = _PrintedJournal(workspace.log_path, limit=order.limits.log_bytes, is_quiet=options["quiet"])
        watch = Watch(
            limits=order.limits,
            journal=journal,
            interruption=Interruption(),
            disk=workspace.directory,
            minimum_free=configuration.minimum_free,
        )
        means = configuration.means(sandbox, jobs=len(usable_cpus()))
        job = Job(order=order, workspace=workspace, means=means, journal=journal, watch=watch)
        try:
            return Builtin().build_recipe(job, recipe)
        finally:
            journal.close()


class _PrintedJournal(Journal):
    """A log that is seen as it grows."""

    def __init__(self, path: Path, *, limit: int, is_quiet: bool) -> None:
        super().__init__(path, limit=limit)
        self._is_quiet = is_quiet

    def _append(self, chunk: bytes) -> None:
        super()._append(chunk)
        if not self._is_quiet:
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()


def _order(recipe: Recipe, options: dict[str, Any]) -> BuildOrder:
    remotes = tuple(
        RemoteIndex(name=f"index-{number}", index_uri=uri, priority=-number)
        for number, uri in enumerate(options["index"])
    )
    return BuildOrder(
        attempt=uuid4(),
        title=f"{recipe.name} {recipe.version}-{recipe.release}",
        purpose=BuildPurpose.TEST,
        source=Source(origin_uri="", commit="0" * 40, recipe_path=RECIPE_FILE),
        source_name=recipe.name,
        version=recipe.version,
        release=recipe.release,
        build_release=options["build_release"],
        architecture=machine.architecture(),
        remotes=remotes,
        source_date_epoch=int(os.environ.get("SOURCE_DATE_EPOCH", time.time())),
        limits=Limits(),
        verify_manifest=options["verify"],
    )


def _recipe_directory(text: str) -> Path:
    path = Path(text)
    if not (path / RECIPE_FILE).is_file():
        raise ArgumentTypeError(f"{text} holds no {RECIPE_FILE}")
    return path


def _sentence(error: BuildFailed) -> str:
    failure = error.failure
    return f"{failure.kind}: {failure.message}" + (f"\n\n{failure.excerpt}" if failure.excerpt else "")
