"""How long ordering takes, and how near its order comes to the least that any order could take."""

import gc
from pathlib import Path
from statistics import mean
from time import perf_counter

import pytest

from summit.needs import EdgeKind, Node, Usage
from summit.queue import order
from summit.simulation import fleets, trees
from summit.simulation.outcome import Outcome, judge
from summit.simulation.policies import POLICIES
from summit.simulation.replay import replay
from summit.simulation.workload import rebuild
from tests.bench.synthetic import many, published
from tests.bench.tables import milliseconds, print_table

pytestmark = [pytest.mark.bench, pytest.mark.real_data]

ROUNDS = {1_737: 3, 17_370: 3, 150_000: 2}  # by size
USAGES = {
    "needs as recipes name them": (Usage.BUILD, Usage.CHECK),
    "and what they imply": (Usage.BUILD, Usage.CHECK, Usage.IMPLIED),
}
SLOTS = (4, 8, 16, 32)
SEEDS = 5


@pytest.fixture(scope="module")
def nodes(recipe_tree: Path) -> list[Node]:
    found, problems = trees.read_tree(recipe_tree, architecture="x86_64")
    assert problems == []
    return found


def test_ordering_everything(nodes: list[Node]) -> None:
    rows = []
    for size, rounds in ROUNDS.items():
        for what, usages in USAGES.items():
            tasks = many(nodes, size, usages=usages)
            offered = published(tasks)
            gc.collect()
            gc.freeze()  # what is measured is ordering, not the collector's walks over what was there before
            seconds = []
            for _ in range(rounds):
                began = perf_counter()
                found = order(tasks, offered=offered)
                seconds.append(perf_counter() - began)
            kinds = [edge.kind for edge in found.edges]
            assert len(found.wave) == size
            edges = [f"{kinds.count(kind):,}" for kind in (EdgeKind.HARD, EdgeKind.STAGED)]
            rows.append([f"{size:,} tasks, {what}", milliseconds(min(seconds)), milliseconds(max(seconds)), *edges])
            gc.unfreeze()
    print_table(
        "Ordering a rebuild of everything",
        how="The pure order of tasks in memory: needs looked up, cycles staged, blocks, priorities, waves; "
        f"{' or '.join(str(rounds) for rounds in sorted(set(ROUNDS.values())))} rounds. The real tree, and copies of "
        "it with names of their own. Aim: 150,000 in at most 2 s.",
        header=["size", "best", "worst", "waited for", "staged"],
        rows=rows,
    )


def test_makespan_against_the_lower_bound(nodes: list[Node]) -> None:
    found: dict[tuple[int, str], list[Outcome]] = {}
    for seed in range(SEEDS):
        load = rebuild(nodes, seed=seed)
        for count in SLOTS:
            slots = fleets.uniform(count, architecture="x86_64")
            for name, policy in POLICIES.items():
                outcome = judge(load, slots, replay(load, slots, policy(load)), policy=name, seed=seed)
                found.setdefault((count, name), []).append(outcome)
    print_table(
        "Makespan ÷ lower bound of a rebuild of the real tree",
        how=f"Simulated; durations lognormal, estimates off by up to a factor of two either way, {SEEDS} seeds. The "
        "graph's bound also counts the time in which needs leave less to do than there are slots: no order avoids it.",
        header=["slots", "order", "mean", "worst", "÷ graph's, mean", "worst", "slots used"],
        rows=[
            [
                f"{count}",
                name,
                f"{mean(one.ratio for one in outcomes):.4f}",
                f"{max(one.ratio for one in outcomes):.4f}",
                f"{mean(one.graph_ratio for one in outcomes):.4f}",
                f"{max(one.graph_ratio for one in outcomes):.4f}",
                f"{mean(one.utilisation for one in outcomes):.1%}",
            ]
            for (count, name), outcomes in found.items()
        ],
    )
