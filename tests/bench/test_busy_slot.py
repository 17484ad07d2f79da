"""How long a slot stands idle between two builds while there is work."""

from itertools import pairwise

import pytest

from tests.bench.conftest import Bench
from tests.bench.farmhand import Build
from tests.bench.tables import Sample, milliseconds, print_table

pytestmark = pytest.mark.bench

RECIPES = 30
PATIENCE = 150.0
AIM = "under 300 ms"


def test_from_a_report_to_the_next_claim(bench: Bench) -> None:
    names = [f"busy-{number:02}" for number in range(RECIPES)]
    bench.push_tiny(names)
    bench.ring()

    def ended() -> list[Build]:
        return [build for build in bench.farmhand.builds() if build.name in names]

    bench.farm.wait_until(lambda: len(ended()) == RECIPES, seconds=PATIENCE, what="all builds")
    bench.wait_until_idle(seconds=PATIENCE)
    builds = ended()
    assert {build.status for build in builds} == {"succeeded"}
    steps: dict[str, list[float]] = {}
    for slot in {build.slot for build in builds}:
        for before, after in pairwise(build for build in builds if build.slot == slot):
            moments = (before.ended_at, after.offered_at, after.started_at)
            parts = ("report received to next offered", "offered to claimed")
            for name, (since, until) in zip(parts, pairwise(moments), strict=True):
                steps.setdefault(name, []).append((until - since).total_seconds())
            whole = (after.started_at - before.ended_at).total_seconds()
            steps.setdefault(f"report received to next claimed (aim {AIM})", []).append(whole)
    steps["a build meanwhile"] = [(build.ended_at - build.started_at).total_seconds() for build in builds]
    samples = [Sample(name, seconds) for name, seconds in steps.items()]
    print_table(
        "A busy slot between two builds",
        how=f"{RECIPES} tiny recipes pushed at once, over {len({build.slot for build in builds})} slots of one builder "
        "on the hub's own machine, publishing included; per slot, from the tables' times.",
        header=["step", "p50", "p95", "max", "count"],
        rows=[
            [
                one.name,
                milliseconds(one.median),
                milliseconds(one.quantile(0.95)),
                milliseconds(max(one.seconds)),
                str(len(one.seconds)),
            ]
            for one in samples
        ],
    )
