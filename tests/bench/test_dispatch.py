"""How soon a slot has its next build where building takes no time, so that all slots ask at once."""

import os
from pathlib import Path

import pytest

from tests.bench.between import build_at_once, print_between
from tests.bench.conftest import open_bench
from tests.fakes.instant_tool import InstantTool

pytestmark = pytest.mark.bench

RECIPES = 500
SLOTS = 8
PATIENCE = 200.0
TOOL = f"{InstantTool.__module__}.{InstantTool.__qualname__}"


def test_from_a_report_to_the_next_claim_with_instant_builds(tmp_path: Path) -> None:
    with open_bench(tmp_path, SERPENT_SLOTS=str(SLOTS), SERPENT_BUILD_TOOL=TOOL) as bench:
        builds = build_at_once(bench, [f"instant-{number:03}" for number in range(RECIPES)], patience=PATIENCE)
    assert len({build.slot for build in builds}) == SLOTS
    # With slots that ask without a pause, the time between two claims is slots ÷ rate: the machine sets it.
    rate = len(builds) / (builds[-1].ended_at - builds[0].started_at).total_seconds()
    print_between(
        "Dispatch with builds that take no time",
        builds,
        how=f"{RECIPES} recipes pushed at once, {SLOTS} slots of one builder, a build tool that only packs a small "
        "file; publishing included; per slot, from the tables' times. Hub, broker, database and slots share "
        f"{os.cpu_count()} processors, which made {rate:.1f} builds a second.",
        aim="p95 at most 250 ms",
    )
