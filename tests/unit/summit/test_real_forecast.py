"""Forecasts against replays of the real tree by the scheduler: how far off they are, and whether they hold."""

from dataclasses import replace
from math import exp
from pathlib import Path
from random import Random
from statistics import median

import pytest

from serpent_infra.formats.dependency import Capability
from summit.forecast import Work, forecast
from summit.needs import Node
from summit.queue import order
from summit.scheduler import Share
from summit.simulation.farm import Timeline
from summit.simulation.fleets import uniform
from summit.simulation.policies import critical_path
from summit.simulation.replay import replay
from summit.simulation.trees import read_tree
from summit.simulation.workload import Job, Workload, draw, waited_for

pytestmark = pytest.mark.real_data

SPREAD = 0.4  # of the true times around their estimates, on a logarithmic scale
SLOTS = 8
WEIGHTS = {"group:core": 2.0, "group:desktop": 1.0, "campaign:7": 0.5}


def rebuilt(nodes: list[Node], seed: int) -> tuple[dict[int, Work], Timeline]:
    """Replays a rebuild by three shares whose builds take something else than was estimated.

    Gives what the forecast is shown, and what came to pass.
    """
    random = Random(seed)  # noqa: S311 - a simulation wants numbers that can be drawn again
    guessed = draw((node.name for node in nodes), random=random)
    true = {name: seconds * exp(random.gauss(0, SPREAD)) for name, seconds in guessed.items()}
    offered = frozenset[Capability]().union(*(node.provides for node in nodes))
    found = order(
        [replace(node, seconds=guessed[node.name]) for node in nodes], offered=offered, knows_all_remotes=False
    )
    hard = waited_for(found)
    jobs = {
        node.key: Job(
            key=node.key,
            name=node.name,
            seconds=true[node.name],
            share=random.choice(sorted(WEIGHTS)),
            is_security=random.random() < 0.05,
        )
        for node in nodes
    }
    workload = Workload(jobs=list(jobs.values()), hard=hard, estimated=found, true=found)
    policy = critical_path(workload)
    timeline = replay(workload, uniform(SLOTS, architecture="x86_64"), policy, weights=WEIGHTS)
    works = {}
    for node in nodes:
        priority, since = policy(jobs[node.key], 0.0)
        works[node.key] = Work(
            ready=jobs[node.key].as_ready(priority=priority, since=since),
            seconds=guessed[node.name],
            spread=SPREAD,
            needs=tuple(hard.get(node.key, ())),
        )
    return works, timeline


def later(works: dict[int, Work], timeline: Timeline, at: float) -> list[Work]:
    """Gives what is open at a moment of the replay."""
    return [
        replace(
            work,
            needs=tuple(need for need in work.needs if timeline.ended[need] > at),
            running_for=at - timeline.began[key] if timeline.began[key] <= at else None,
            place=timeline.place[key] if timeline.began[key] <= at else None,
        )
        for key, work in works.items()
        if timeline.ended[key] > at
    ]


def test_forecasts_of_a_whole_rebuild_come_true(recipe_tree: Path) -> None:
    nodes, _ = read_tree(recipe_tree, architecture="x86_64")
    fleet = uniform(SLOTS, architecture="x86_64")
    shares = {key: Share(weight=weight) for key, weight in WEIGHTS.items()}
    in_time, off = [], []
    for seed in (1, 2):
        works, timeline = rebuilt(nodes, seed)
        for share in (0.0, 0.5):
            at = timeline.makespan * share
            found = forecast(later(works, timeline, at), fleet, shares=shares)
            in_time += [timeline.ended[key] - at <= one.finish.late for key, one in found.items()]
            off.append(median(one.finish.likely / (timeline.ended[key] - at) for key, one in found.items()))
    assert 0.87 <= sum(in_time) / len(in_time) <= 0.97
    assert all(0.9 <= ratio <= 1.1 for ratio in off), off
