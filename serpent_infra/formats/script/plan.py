"""A recipe's phases as ready bash scripts, and what must be installed to run them (stone-spec 4.4).

`plan_build` is the entry: it knows targets, stages, phases, macros and tuning, and runs nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from serpent_infra.formats.recipe import Recipe, Toolchain
from serpent_infra.formats.script.errors import ScriptError
from serpent_infra.formats.script.expansion import Expansion, Names, expand
from serpent_infra.formats.script.layout import HostFacts
from serpent_infra.formats.script.macros import load_macros
from serpent_infra.formats.script.prepare import prepare_script
from serpent_infra.formats.script.targets import Target, build_targets, first_lines_of, has_workload, scripts_of
from serpent_infra.formats.script.tuning import compiler_flags
from serpent_infra.formats.script.variables import builtins


class Phase(StrEnum):
    """The steps of a build, in the order they run; workload only in the stages before the last."""

    PREPARE = "prepare"
    SETUP = "setup"
    BUILD = "build"
    INSTALL = "install"
    CHECK = "check"
    WORKLOAD = "workload"


class PgoStage(StrEnum):
    """Profile-guided optimisation: none, two measuring stages, and the use of what they measured."""

    NONE = "NONE"
    ONE = "ONE"
    TWO = "TWO"
    USE = "USE"


FINAL_PHASES = (Phase.PREPARE, Phase.SETUP, Phase.BUILD, Phase.INSTALL, Phase.CHECK)
MEASURING_PHASES = (Phase.PREPARE, Phase.SETUP, Phase.BUILD, Phase.WORKLOAD)
_STAGE_GROUPS = {PgoStage.ONE: "pgostage1", PgoStage.TWO: "pgostage2", PgoStage.USE: "pgouse"}
_SAMPLE_GROUP = "pgosample"
_MERGE = {PgoStage.ONE: "%llvm_merge_s1", PgoStage.TWO: "%llvm_merge_s2"}
_SCRIPT_BASE = "%scriptBase"
_NO_ENVIRONMENT = "(null)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseScript:
    """One script for `bash`: run in `work_dir` if it exists, else in `build_dir`, with `HOME` = `build_dir`.

    The environment is otherwise empty but for `PATH=/usr/bin:/usr/sbin`. The script ends at its first failing command.
    """

    target: Target
    stage: PgoStage
    phase: Phase
    text: str
    build_dir: str
    work_dir: str

    @property
    def title(self) -> str:
        """For logs: `build`, `emul32/x86_64 build`, `build (stage ONE)`."""
        prefix = f"{self.target} " if self.target.is_emul32 else ""
        return f"{prefix}{self.phase}" + (f" (stage {self.stage})" if self.stage is not PgoStage.NONE else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """All scripts of a build in order, and its dependencies.

    `dependencies` are texts `kind(target)` or plain names: the recipe's build and check dependencies, those of the
    macros it uses, sorted; what boulder always installs (bash, coreutils, compilers) is not among them.
    """

    toolchain: Toolchain
    scripts: tuple[PhaseScript, ...]
    dependencies: tuple[str, ...]


def plan_build(recipe: Recipe, host: HostFacts) -> BuildPlan:
    """Expands every phase of a recipe for a host.

    A new, empty build directory is needed for each stage: the prepare script fills it. Raises `ScriptError` for an
    unknown macro, tuning group, choice or flag, with the recipe's line where it is known, and for a recipe that names
    no target of this architecture.
    """
    targets = build_targets(recipe, host.architecture, host.isa_level)
    if not targets:
        here = host.isa_level or host.architecture
        raise ScriptError(f"the recipe is for {', '.join(recipe.architectures)}, not for {here}")
    toolchain = recipe.options.toolchain or host.default_toolchain
    scripts: list[PhaseScript] = []
    dependencies = set(recipe.build_depends)
    for target in targets:
        for stage in _stages(recipe, target, toolchain):
            for script, needed in _StageWriter(recipe, host, target, toolchain, stage).scripts():
                scripts.append(script)
                dependencies.update(needed)
    return BuildPlan(
        toolchain=toolchain, scripts=tuple(scripts), dependencies=tuple(sorted(dependencies, key=str.encode))
    )


def _stages(recipe: Recipe, target: Target, toolchain: Toolchain) -> tuple[PgoStage, ...]:
    if not has_workload(recipe, target):
        return (PgoStage.NONE,)
    if toolchain is Toolchain.LLVM and recipe.options.cspgo:
        return (PgoStage.ONE, PgoStage.TWO, PgoStage.USE)
    return (PgoStage.ONE, PgoStage.USE)


class _StageWriter:
    """Writes the scripts of one stage of one target."""

    def __init__(self, recipe: Recipe, host: HostFacts, target: Target, toolchain: Toolchain, stage: PgoStage) -> None:
        self._recipe = recipe
        self._host = host
        self._target = target
        self._toolchain = toolchain
        self._stage = stage
        self._texts = scripts_of(recipe, target)
        self._macros = load_macros(target)
        groups = [_STAGE_GROUPS[stage]] if stage in _STAGE_GROUPS else []
        if stage is PgoStage.USE and recipe.options.samplepgo:
            groups.append(_SAMPLE_GROUP)
        self._flags = compiler_flags(
            self._macros, recipe.tuning, toolchain=toolchain, stage_groups=groups, mold=recipe.options.mold
        )

    def scripts(self) -> Iterator[tuple[PhaseScript, tuple[str, ...]]]:
        """Gives each script of the stage with the dependencies of its macros; empty phases are left out."""
        for phase in MEASURING_PHASES if self._stage in _MERGE else FINAL_PHASES:
            text = self._phase_text(phase)
            if text.strip():
                yield from self._script(phase, text)

    def _phase_text(self, phase: Phase) -> str:
        if phase is Phase.PREPARE:
            return prepare_script(self._recipe, self._host.paths).replace("%", "%%")
        text = self._texts.get(phase.value, "")
        if phase is Phase.WORKLOAD and self._toolchain is Toolchain.LLVM:
            return f"{text}\n{_MERGE[self._stage]}\n"
        return text

    def _script(self, phase: Phase, text: str) -> Iterator[tuple[PhaseScript, tuple[str, ...]]]:
        paths = self._host.paths
        build_dir = paths.build_dir(self._target)
        work_dir = build_dir if phase is Phase.PREPARE else paths.work_dir(self._target, self._recipe)
        names = Names(
            actions=self._macros.actions,
            definitions=self._macros.definitions,
            builtins=builtins(
                self._recipe,
                self._host,
                self._target,
                toolchain=self._toolchain,
                work_dir=work_dir,
                pgo_stage=self._stage.value,
                flags=self._flags,
            ),
        )
        head = self._expand(phase, "environment", self._prefix(phase), names)
        body = self._expand(phase, phase.value, text, names)
        for part in body.parts:
            script = PhaseScript(
                target=self._target,
                stage=self._stage,
                phase=phase,
                text=f"{head.text}\n{part}",
                build_dir=build_dir,
                work_dir=work_dir,
            )
            yield script, head.dependencies + body.dependencies

    def _prefix(self, phase: Phase) -> str:
        environment = self._texts.get("environment", "")
        if phase is Phase.PREPARE or not environment.strip() or environment == _NO_ENVIRONMENT:
            return f"{_SCRIPT_BASE}\n"
        return f"{_SCRIPT_BASE}\n{environment}\n"

    def _expand(self, phase: Phase, key: str, text: str, names: Names) -> Expansion:
        """Expands a text of the recipe's `key`; errors name the phase, and the recipe's line where that is known."""
        try:
            return expand(text, names)
        except ScriptError as error:
            reason = f"{phase} of {self._target}: {error.reason}"
            first = first_lines_of(self._recipe, self._target).get(key)
            if first is None or error.line is None:
                raise ScriptError(reason) from error
            before = 1 if key == "environment" else 0  # the line of the prefix
            raise ScriptError(reason, line=first + error.line - 1 - before, name=error.name) from error
