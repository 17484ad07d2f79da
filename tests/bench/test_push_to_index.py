"""From a push to a published index, for a package whose script has three lines."""

import time
from datetime import UTC, datetime

import pytest

from serpent_infra.demo import proof
from tests.bench.conftest import PROJECT, Bench
from tests.bench.tables import Sample, milliseconds, print_table

pytestmark = pytest.mark.bench

NAME = "tiny"
RUNS = 8
PATIENCE = 60.0
LOOK_SECONDS = 0.02
PHASES = {
    "check out the commit": "recipe",
    "resolve": "dependencies",
    "the three lines": "install",
    "pack": "packaging",
}


def test_from_a_push_to_a_published_index(bench: Bench) -> None:
    moments = [push_release(bench, release) for release in range(2, RUNS + 2)]
    builds = {build.release: build for build in bench.farmhand.builds() if build.name == NAME}
    steps: dict[str, list[float]] = {}
    for release, (pushed_at, seen_at) in enumerate(moments, start=2):
        build = builds[release]
        assert build.status == "succeeded"
        assert build.import_requested_at is not None
        assert build.import_verified_at is not None
        borders = {
            "refresh and plan": (pushed_at, build.offered_at),
            "dispatch and claim": (build.offered_at, build.started_at),
            "build": (build.started_at, build.ended_at),
            "import and publish": (build.ended_at, seen_at),
            "  order the import": (build.ended_at, build.import_requested_at),
            "  fetch and verify": (build.import_requested_at, build.import_verified_at),
            "  publish": (build.import_verified_at, seen_at),
            "push to published index": (pushed_at, seen_at),
        }
        seconds = {name: (until - since).total_seconds() for name, (since, until) in borders.items()}
        parts = {f"  {name}": build.phases[phase] for name, phase in PHASES.items()}
        around = {"  around them: root, log, report": seconds["build"] - sum(parts.values())}
        for name in [*list(seconds)[:3], *parts, *around, *list(seconds)[3:]]:
            steps.setdefault(name, []).append((seconds | parts | around)[name])
    samples = [Sample(name, seconds) for name, seconds in steps.items()]
    print_table(
        "From a push to a published index",
        how=f"{RUNS} pushes of a new release, one after the other, on an idle farm with the sandbox it chose; from the "
        "end of `git push` until the root index on HTTP names a version that holds it; parts from the tables' times.",
        header=["step", "median", "min", "max"],
        rows=[
            [one.name, milliseconds(one.median), milliseconds(min(one.seconds)), milliseconds(max(one.seconds))]
            for one in samples
        ],
    )


def push_release(bench: Bench, release: int) -> tuple[datetime, datetime]:
    """Pushes a new release; says when it was pushed and when it was seen published."""
    bench.collection.edit(f"{NAME}/stone.yaml", old=f"release: {release - 1}", new=f"release: {release}")
    bench.collection.push(f"Release {release}")
    pushed_at = datetime.now(UTC)
    bench.ring()
    seen_at = wait_for_release(bench, release)
    bench.wait_until_idle(seconds=PATIENCE)
    return pushed_at, seen_at


def wait_for_release(bench: Bench, release: int) -> datetime:
    """Follows the root index until the version it names holds a release."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if release in published_releases(bench):
            return datetime.now(UTC)
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"release {release} was not published\n{bench.farm.transcript()}")


def published_releases(bench: Bench) -> set[int]:
    try:
        published = proof.read_published(
            base_uri=f"{bench.farm.hub_url}/repository", channel=PROJECT, stream="volatile", architecture="x86_64"
        )
    except proof.ProofFailed:
        return set()  # nothing is published yet
    return {meta.release for meta in published.packages if meta.name == NAME}
