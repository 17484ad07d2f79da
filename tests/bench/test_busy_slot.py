"""How long a slot stands idle between two builds while there is work."""

import pytest

from tests.bench.between import build_at_once, print_between
from tests.bench.conftest import Bench

pytestmark = pytest.mark.bench

RECIPES = 30
PATIENCE = 150.0


def test_from_a_report_to_the_next_claim(bench: Bench) -> None:
    builds = build_at_once(bench, [f"busy-{number:02}" for number in range(RECIPES)], patience=PATIENCE)
    print_between(
        "A busy slot between two builds",
        builds,
        how=f"{RECIPES} tiny recipes pushed at once, over {len({build.slot for build in builds})} slots of one builder "
        "on the hub's own machine, publishing included; per slot, from the tables' times.",
        aim="under 300 ms",
    )
