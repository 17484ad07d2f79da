"""The builtin build tool: our own reading of the recipe format, over the `/usr` of a Debian."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avalanche.agent import buildroot
from avalanche.agent.tools.builtin import checkout, dependencies, upstreams
from avalanche.agent.tools.builtin.layers import Layers
from avalanche.agent.tools.builtin.packaging import make_artefacts
from avalanche.agent.tools.builtin.phases import run_phases
from avalanche.agent.tools.builtin.promise import keep_promise, read_promise
from avalanche.agent.tools.builtin.resolve import Resolution
from avalanche.agent.tools.protocol import BuildFailed, Job
from serpent_infra.formats.recipe import Recipe, Toolchain
from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.layout import HostFacts
from serpent_infra.formats.script.plan import BuildPlan, plan_build
from serpent_infra.wire.reports import ArtefactInfo, FailureKind


class Builtin:
    """Builds with gcc and the programs of the base image."""

    def build(self, job: Job) -> tuple[ArtefactInfo, ...]:
        """Builds an order, see `BuildTool.build`."""
        with job.journal.during("recipe"):
            recipe = checkout.check_out(job)
            job.journal.say(f"    {recipe.name} {recipe.version}-{recipe.release} at {job.order.source.commit[:12]}")
        return self.build_recipe(job, recipe)

    def build_recipe(self, job: Job, recipe: Recipe) -> tuple[ArtefactInfo, ...]:
        """Builds a recipe that already lies in the workspace."""
        plan = _plan(job, recipe)
        promise = read_promise(job)
        with job.journal.during("dependencies"):
            resolution = dependencies.find(job, plan.dependencies)
            _say(job, resolution)
            files = dependencies.fetch(job, resolution)
        with _layer(job, resolution, files) as layer:
            root = buildroot.assemble(
                job.workspace.root_dir,
                base=job.means.base_image,
                dependencies=layer,
                has_network=recipe.options.networking,
            )
            binds = buildroot.standing_binds(
                job.workspace.root_dir, base=job.means.base_image, recipe=job.workspace.recipe_dir
            )
            if recipe.upstreams:
                with job.journal.during("fetch"):
                    upstreams.gather(job, recipe, root.directory / "mason" / "sourcedir")
            run_phases(job, recipe, plan, root, binds)
            with job.journal.during("packaging"):
                made = make_artefacts(job, recipe, plan.toolchain, root, binds)
                keep_promise(job, promise, made)
                return made


def _plan(job: Job, recipe: Recipe) -> BuildPlan:
    facts = HostFacts(
        architecture=job.order.architecture,
        isa_level=job.order.isa_level,
        jobs=job.means.jobs,
        source_date_epoch=job.order.source_date_epoch,
        default_toolchain=Toolchain.GNU,
    )
    try:
        return plan_build(recipe, facts)
    except ScriptError as error:
        raise BuildFailed(FailureKind.RECIPE, str(error)) from error


def _say(job: Job, resolution: Resolution) -> None:
    for candidate in resolution.packages:
        job.journal.say(f"    {candidate.meta.package_id}")
    for capability in resolution.from_base:
        job.journal.say(f"    {capability} (base image)")


@contextmanager
def _layer(job: Job, resolution: Resolution, files: dict[str, Path]) -> Iterator[Path | None]:
    if not files:
        yield None
        return
    layers = Layers(job.means.cache_dir / "layers")
    with layers.holding(list(files), lambda usr: dependencies.unpack(job, resolution, files, usr)) as layer:
        yield layer
