"""Runs the scripts of a recipe's phases in the sandbox, each timed and with its heading in the log."""

from avalanche.agent import limits
from avalanche.agent.limits import BuildStopped, Stopped
from avalanche.agent.sandbox.protocol import CHANNEL, Bind, BuildRoot, Command, Ending
from avalanche.agent.tools.builtin.excerpt import excerpt
from avalanche.agent.tools.protocol import BuildFailed, Job
from serpent_infra.formats.recipe import Recipe
from serpent_infra.formats.script.plan import BuildPlan, PgoStage, PhaseScript
from serpent_infra.formats.script.targets import Target
from serpent_infra.wire.reports import FailureKind

_EXCERPT_SEARCH = 4 * 2**20  # bytes at the end of a phase's output that are searched for its first error
_KILLED = 128 + 9
# The first script of a target or stage finds an empty build directory; each runs where its recipe says, once that is
# there.
_RUN = """
if [ "$1" = fresh ]; then rm -rf "$2" && mkdir -p "$2" || exit; fi
cd "$3" 2> /dev/null || cd "$2" || exit
exec /usr/bin/bash "$4"
""".strip()


def run_phases(job: Job, recipe: Recipe, plan: BuildPlan, root: BuildRoot, binds: tuple[Bind, ...]) -> None:
    """Runs all scripts in order; raises `BuildFailed` at the first that fails, `BuildStopped`, `SandboxFailed`."""
    before: tuple[Target, PgoStage] | None = None
    for script in plan.scripts:
        is_fresh = before != (script.target, script.stage)
        before = (script.target, script.stage)
        with job.journal.during(script.title):
            ending = job.means.sandbox.run(
                root,
                _command(job, recipe, script, binds, is_fresh=is_fresh),
                on_output=job.journal.write,
                stop=job.watch.reason,
            )
            _say_ending(job, script, ending)
        _check(job, script, ending)


def _command(job: Job, recipe: Recipe, script: PhaseScript, binds: tuple[Bind, ...], *, is_fresh: bool) -> Command:
    name = f"{script.phase}.sh"
    return Command(
        argv=[
            *("/usr/bin/bash", "-c", _RUN, "run", "fresh" if is_fresh else "again"),
            *(script.build_dir, script.work_dir, f"{CHANNEL}/{name}"),
        ],
        environment={
            "HOME": script.build_dir,
            "PATH": "/usr/bin:/usr/sbin",
            "SOURCE_DATE_EPOCH": str(job.order.source_date_epoch),
            # A Debian base looks into its multiarch directories first; what our own packages brought comes before them.
            "LIBRARY_PATH": "/usr/lib",
            "PKG_CONFIG_PATH": "/usr/lib/pkgconfig:/usr/share/pkgconfig",
        },
        has_network=recipe.options.networking,
        binds=binds,
        files={name: script.text},
    )


def _say_ending(job: Job, script: PhaseScript, ending: Ending) -> None:
    if ending.stopped:
        job.journal.say(f"==> {script.title} stopped: {job.watch.sentence(Stopped(ending.stopped))}")
    elif ending.status:
        job.journal.say(f"==> {script.title} ended with status {ending.status}")


def _check(job: Job, script: PhaseScript, ending: Ending) -> None:
    if ending.stopped:
        raise BuildStopped(Stopped(ending.stopped))
    if ending.is_success:
        return
    telling = excerpt(job.journal.since_phase(at_most=_EXCERPT_SEARCH))
    if "No space left on device" in telling and limits.free_bytes(job.workspace.directory) < job.watch.minimum_free:
        message = job.watch.sentence(Stopped.DISK_FULL)
        raise BuildFailed(FailureKind.DISK_FULL, message, phase=script.title, excerpt=telling)
    message = f"The phase {script.title} ended with status {ending.status}"
    if ending.lacked_memory:
        message += ": it ran out of memory, and the kernel killed part of it"
        raise BuildFailed(FailureKind.OUT_OF_MEMORY, message, phase=script.title, excerpt=telling)
    if ending.status == _KILLED:
        message += ": it was killed, most likely for want of memory"
    raise BuildFailed(FailureKind.PHASE, message, phase=script.title, excerpt=telling)
