"""Replays the rebuild of a whole tree of recipes in simulated time, through the queue and scheduler of production."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from summit import estimates, suiting
from summit.scheduler import Slot
from summit.simulation import fleets, trees, workload
from summit.simulation.outcome import Outcome, judge
from summit.simulation.policies import POLICIES
from summit.simulation.replay import Unbuildable, replay
from summit.simulation.workload import Job, Workload
from summit.suiting import Room

_HEADER = ("order", "makespan", "÷ bound", "÷ graph", "slots used", "wait median", "wait p95")
_COLUMNS = "  {:<16} {:>9} {:>8} {:>8} {:>11} {:>12} {:>9}"


class Command(BaseCommand):
    """`manage.py simulate --tree PATH --slots N`: how long a rebuild of everything would take, by three orders."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Adds the tree, the fleet, and what is assumed of durations."""
        parser.add_argument("--tree", type=Path, required=True, help="a directory or git repository of recipes")
        parser.add_argument(
            "--slots", type=int, help="so many equal slots; with --fleet the first so many of its slots"
        )
        parser.add_argument("--fleet", type=Path, help="a YAML or TOML file that describes builders")
        parser.add_argument("--seed", type=int, default=0, help="of the durations and of the estimates' errors")
        parser.add_argument(
            "--durations",
            choices=["lognormal", "recorded"],
            default="lognormal",
            help="recorded: of this hub's past builds, with what they took of memory and disk; drawn where none are",
        )
        parser.add_argument(
            "--error", type=float, default=workload.ERROR, help="factor by which estimates are off, either way"
        )
        parser.add_argument("--architecture", default="x86_64")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Reads, replays and prints."""
        del args
        slots = self._slots(options)
        if options["error"] < 1:
            raise CommandError("--error is a factor of 1 or more")
        try:
            nodes, problems = trees.read_tree(options["tree"], architecture=options["architecture"])
        except trees.Unreadable as error:
            raise CommandError(str(error)) from error
        names = [node.name for node in nodes]
        recorded, asked = {}, {}
        if options["durations"] == "recorded":
            recorded = estimates.recorded(names, architecture=options["architecture"])
            asked = self._asked(names, slots, architecture=options["architecture"])
        load = workload.rebuild(
            nodes,
            seed=options["seed"],
            error=options["error"],
            recorded=recorded,
            asked=asked,
            architecture=options["architecture"],
        )
        outcomes = self._replay(load, slots, seed=options["seed"])
        if options["json"]:
            self.stdout.write(self._as_json(load, outcomes, problems=problems, recorded=len(recorded)))
        else:
            self._print(load, slots, outcomes, problems=problems, recorded=len(recorded))

    def _slots(self, options: dict[str, Any]) -> list[Slot]:
        count, fleet = options["slots"], options["fleet"]
        if count is None and fleet is None:
            raise CommandError("say how many --slots there are, or describe a --fleet")
        if count is not None and not 1 <= count <= 10_000:  # noqa: PLR2004 - said in the sentence
            raise CommandError("--slots is a number from 1 to 10,000")
        if fleet is None:
            return fleets.uniform(count, architecture=options["architecture"])
        try:
            slots = fleets.read_fleet(fleet)
        except fleets.BadFleet as error:
            raise CommandError(str(error)) from error
        if count is not None and len(slots) < count:
            raise CommandError(f"{fleet} has {len(slots):,} slots, fewer than the {count:,} of --slots")
        return slots[:count]

    def _asked(self, names: list[str], slots: list[Slot], *, architecture: str) -> dict[str, Room]:
        """Gives what builds would ask of slots: what was learnt, as far as the fleet has it."""
        anything = Job(key=0, name="", seconds=0.0, architecture=architecture).as_ready()
        known = estimates.room(names, architecture=architecture)
        return {name: suiting.ask(anything, learnt, slots) for name, learnt in known.items()}

    def _replay(self, load: Workload, slots: list[Slot], *, seed: int) -> list[Outcome]:
        try:
            return [
                judge(load, slots, replay(load, slots, policy(load)), policy=name, seed=seed)
                for name, policy in POLICIES.items()
            ]
        except Unbuildable as error:
            raise CommandError(str(error)) from error

    def _as_json(self, load: Workload, outcomes: list[Outcome], *, problems: list[str], recorded: int) -> str:
        return json.dumps(
            {
                "recipes": len(load.jobs),
                "unreadable": problems,
                "recorded": recorded,
                "measured": sum(job.memory > 0 or job.disk > 0 for job in load.jobs),
                "edges": {"hard": _hard(load), "staged": _staged(load)},
                "longest_chain": round(load.longest_chain, 3),
                "work": round(load.work, 3),
                "lower_bound": round(outcomes[0].lower_bound, 3),
                "policies": [
                    {
                        name: round(value, 4) if isinstance(value, float) else value
                        for name, value in asdict(one).items()
                    }
                    | {"ratio": round(one.ratio, 4), "graph_ratio": round(one.graph_ratio, 4)}
                    for one in outcomes
                ],
            },
            indent=2,
        )

    def _print(
        self, load: Workload, slots: list[Slot], outcomes: list[Outcome], *, problems: list[str], recorded: int
    ) -> None:
        builders = {slot.builder for slot in slots}
        where = f"{len(slots)} slots" + (f" of {len(builders)} builders" if len(builders) > 1 else "")
        self.stdout.write(f"{len(load.jobs):,} recipes on {where}; {recorded:,} durations recorded, the others drawn.")
        self.stdout.write(f"{_hard(load):,} needs are waited for, {_staged(load):,} are staged because of cycles.")
        for problem in problems:
            self.stderr.write(f"left out: {problem}")
        self.stdout.write(
            f"Lower bound {clock(outcomes[0].lower_bound)}: the longest chain takes {clock(load.longest_chain)}, "
            f"all work for each slot {clock(load.work / len(slots))}.\n\n{_COLUMNS.format(*_HEADER)}"
        )
        for one in outcomes:
            self.stdout.write(
                _COLUMNS.format(
                    one.policy,
                    clock(one.makespan),
                    f"{one.ratio:.3f}",
                    f"{one.graph_ratio:.3f}",
                    f"{one.utilisation:.1%}",
                    clock(one.wait_median),
                    clock(one.wait_p95),
                )
            )


def clock(seconds: float) -> str:
    """Spells seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _rounded(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in facts.items()}


def _hard(load: Workload) -> int:
    return sum(len(needs) for needs in load.hard.values())


def _staged(load: Workload) -> int:
    return sum(len(needs) for needs in load.estimated.staged.values())
