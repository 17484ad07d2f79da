"""What passes on a slot between two builds while there is work: the run, and its table."""

from itertools import pairwise

from tests.bench.conftest import Bench
from tests.bench.farmhand import Build
from tests.bench.tables import Sample, milliseconds, print_table


def build_at_once(bench: Bench, names: list[str], *, patience: float) -> list[Build]:
    """Pushes tiny recipes together and waits until all are built and published; gives their builds in order."""
    before = bench.farmhand.ended_builds()
    bench.push_tiny(names)
    bench.ring()
    bench.farm.wait_until(
        lambda: bench.farmhand.ended_builds() - before >= len(names), seconds=patience, what="all builds"
    )
    bench.wait_until_idle(seconds=patience)
    builds = [build for build in bench.farmhand.builds() if build.name in set(names)]
    assert len(builds) == len(names)
    assert {build.status for build in builds} == {"succeeded"}
    return builds


def print_between(title: str, builds: list[Build], *, how: str, aim: str) -> None:
    """Prints the steps from the report of one build to the claim of the next on the same slot."""
    steps: dict[str, list[float]] = {}
    for slot in {build.slot for build in builds}:
        for before, after in pairwise(build for build in builds if build.slot == slot):
            borders = {
                "report received to next offered": (before.ended_at, after.offered_at),
                "offered to claimed": (after.offered_at, after.started_at),
                f"report received to next claimed (aim {aim})": (before.ended_at, after.started_at),
            }
            for name, (since, until) in borders.items():
                steps.setdefault(name, []).append((until - since).total_seconds())
    steps["a build meanwhile"] = [(build.ended_at - build.started_at).total_seconds() for build in builds]
    samples = [Sample(name, seconds) for name, seconds in steps.items()]
    print_table(
        title,
        how=how,
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
