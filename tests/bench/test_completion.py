"""What the end of a build costs in a long queue, and what finding the next build costs."""

import json
from pathlib import Path

import pytest

from summit.simulation import trees
from summit.simulation.workload import rebuild
from tests.bench.apart import answer_of
from tests.bench.tables import Sample, print_table

pytestmark = [pytest.mark.bench, pytest.mark.real_data]

SIZES = (1_737, 150_000)


def test_from_the_end_of_a_build_to_the_next(recipe_tree: Path, tmp_path: Path) -> None:
    nodes, _ = trees.read_tree(recipe_tree, architecture="x86_64")
    hard = rebuild(nodes, seed=0).hard
    edges = tmp_path / "edges.json"
    pairs = [(task, need) for task, needs in hard.items() for need in needs]
    edges.write_text(json.dumps({"size": len(nodes), "edges": pairs}))
    rows, database = [], ""
    for size in SIZES:
        answer = answer_of("completion", edges, size, state=tmp_path / f"state-{size}")
        database = answer["database"]
        for name, what in (("end", "end: dependants' counts, events, commit"), ("next", "next: read and pair")):
            sample = Sample(name, answer["seconds"][name])
            figures = [sample.median, sample.quantile(0.95), max(sample.seconds)]
            rows.append([f"{size:,} tasks, {what}", *(f"{seconds * 1000:,.1f} ms" for seconds in figures)])
    print_table(
        "From the end of a build to the next",
        how=f"Rows of the real tree's rebuild, {len(pairs):,} needs waited for, and copies of it; 200 builds chosen "
        f"by lot end one after the other, each by a transaction of its own on {database}. "
        "Aim: at most 10 ms at 150,000.",
        header=["step", "p50", "p95", "max"],
        rows=rows,
    )
