"""Builds in simulated time: small cases counted by hand, laws of any replay, and the promise to a single build."""

from collections.abc import Mapping, Sequence
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.dependency import Capability
from summit.needs import Need, Node
from summit.queue import order
from summit.scheduler import Slot, may_meet
from summit.simulation.bounds import graph_bound, lower_bound
from summit.simulation.fleets import uniform
from summit.simulation.outcome import judge
from summit.simulation.policies import POLICIES, critical_path, first_come, most_dependants
from summit.simulation.replay import Unbuildable, replay
from summit.simulation.workload import Job, Workload, rebuild

Needs = Mapping[str, Sequence[str]]


def nodes(needs: Needs, seconds: Mapping[str, float]) -> list[Node]:
    return [
        Node(
            key=key,
            name=name,
            title=name,
            provides=frozenset({Capability.name(name)}),
            needs=tuple(Need(Capability.name(other)) for other in needs[name]),
            seconds=seconds.get(name, 1.0),
        )
        for key, name in enumerate(needs)
    ]


def load(needs: Needs, seconds: Mapping[str, float], **facts: object) -> Workload:
    """A rebuild whose durations and estimates are given; facts are of the jobs, by name."""
    made = rebuild(nodes(needs, seconds), seed=0, error=1.0, recorded={name: seconds[name] for name in needs})
    jobs = [
        Job(**{"key": job.key, "name": job.name, "seconds": job.seconds} | facts.get(job.name, {}))  # type: ignore[operator]
        for job in made.jobs
    ]
    return Workload(jobs=jobs, hard=made.hard, estimated=made.estimated, true=made.true)


def slots(count: int) -> list[Slot]:
    return uniform(count, architecture="x86_64")


# A chain a ← b ← c of 10, 10 and 30 s, and six jobs of 10 s that nobody waits for: 110 s of work, 55 s on two slots.
CHAIN: Needs = {"x1": [], "x2": [], "x3": [], "x4": [], "x5": [], "x6": [], "a": [], "b": ["a"], "c": ["b"]}
SECONDS = dict.fromkeys(CHAIN, 10.0) | {"c": 30.0}


def test_the_critical_path_goes_first_and_meets_the_bound() -> None:
    work = load(CHAIN, SECONDS)
    timeline = replay(work, slots(2), critical_path(work))
    names = {job.name: job.key for job in work.jobs}
    assert [timeline.began[names[name]] for name in "abc"] == [0.0, 10.0, 20.0]
    assert timeline.makespan == 60.0
    assert lower_bound(work, slots(2)) == 55.0


def test_first_come_leaves_the_chain_for_the_end() -> None:
    work = load(CHAIN, SECONDS)
    timeline = replay(work, slots(2), first_come(work))
    names = {job.name: job.key for job in work.jobs}
    assert [timeline.began[names[name]] for name in "abc"] == [30.0, 40.0, 50.0]
    assert timeline.makespan == 80.0


def test_most_dependants_counts_heads_and_not_hours() -> None:
    needs: Needs = {"wide": [], "w1": ["wide"], "w2": ["wide"], "w3": ["wide"], "long": [], "tail": ["long"]}
    work = load(needs, dict.fromkeys(needs, 1.0) | {"long": 5.0, "tail": 60.0})
    by_count = replay(work, slots(1), most_dependants(work))
    by_chain = replay(work, slots(1), critical_path(work))
    assert (by_count.began[0], by_chain.began[4]) == (0.0, 0.0)


def test_outcome_in_numbers_counted_by_hand() -> None:
    work = load(CHAIN, SECONDS)
    found = judge(work, slots(2), replay(work, slots(2), critical_path(work)), policy="ours", seed=0)
    assert (found.work, found.longest_chain, found.lower_bound) == (110.0, 50.0, 55.0)
    assert found.utilisation == pytest.approx(110 / 120)
    assert found.ratio == pytest.approx(60 / 55)
    # a, b, c and x1 start at once, the others after 10, 20, 30, 40 and 50 seconds.
    assert (found.wait_median, found.wait_p95) == (10.0, 50.0)


def test_a_cycle_is_staged_and_its_members_run_side_by_side() -> None:
    needs: Needs = {"a": ["b"], "b": ["a"], "c": ["a", "b"]}
    work = load(needs, dict.fromkeys(needs, 10.0))
    timeline = replay(work, slots(3), critical_path(work))
    assert (timeline.began[0], timeline.began[1], timeline.began[2]) == (0.0, 0.0, 10.0)
    assert sum(len(staged) for staged in work.estimated.staged.values()) == 2


def test_the_graph_bound_counts_the_wait_for_a_toolchain() -> None:
    needs: Needs = {"toolchain": [], **{f"p{number}": ["toolchain"] for number in range(8)}}
    work = load(needs, {"toolchain": 10.0} | {f"p{number}": 10.0 for number in range(8)})
    assert lower_bound(work, slots(4)) == 22.5
    assert graph_bound(work, slots(4)) == 30.0 == replay(work, slots(4), critical_path(work)).makespan


def test_a_bound_counts_work_that_only_some_slots_may_do() -> None:
    needs: Needs = {"a": [], "b": [], "c": []}
    arm = {"architecture": "aarch64"}
    work = load(needs, dict.fromkeys(needs, 10.0), a=arm, b=arm)
    fleet = [*slots(3), *uniform(1, architecture="aarch64")]
    assert lower_bound(work, fleet) == 20.0


def test_a_job_for_which_there_is_no_slot_is_named() -> None:
    needs: Needs = {"qemu": []}
    work = load(needs, {"qemu": 1.0}, qemu={"architecture": "aarch64", "is_official": False, "memory": 2_000_000})
    with pytest.raises(Unbuildable, match="may build qemu: it is a test build for aarch64 in 2,000,000 bytes"):
        replay(work, slots(2), critical_path(work))


graphs = st.integers(1, 14).flatmap(
    lambda size: st.tuples(
        st.lists(st.sets(st.integers(0, size - 1)), min_size=size, max_size=size),
        st.lists(st.floats(0.5, 100), min_size=size, max_size=size),
        st.integers(1, 5),
        st.sampled_from(sorted(POLICIES)),
    )
)


@given(graphs)
def test_any_replay_respects_needs_slots_and_bounds(
    graph: tuple[list[set[int]], list[float], int, str],
) -> None:
    wanted, seconds, count, policy = graph
    needs = {f"p{key}": [f"p{other}" for other in others] for key, others in enumerate(wanted)}
    work = load(needs, {f"p{key}": value for key, value in enumerate(seconds)})
    timeline = replay(work, slots(count), POLICIES[policy](work))
    assert timeline.ended.keys() == set(range(len(wanted)))
    for key, others in work.hard.items():
        assert all(timeline.ended[other] <= timeline.began[key] for other in others)
        assert timeline.ended[key] == pytest.approx(timeline.began[key] + seconds[key])
    for moment in timeline.began.values():
        assert sum(timeline.began[key] <= moment < timeline.ended[key] for key in timeline.ended) <= count
    # Nothing beats the bounds, and a list schedule is never worse than twice the lower one (Graham 1969).
    assert lower_bound(work, slots(count)) <= graph_bound(work, slots(count)) <= timeline.makespan * (1 + 1e-9)
    assert timeline.makespan <= work.longest_chain + work.work / count + 1e-6
    assert timeline.ended == replay(work, slots(count), POLICIES[policy](work)).ended


@given(st.integers(0, 2**32), st.floats(1, 4))
def test_estimates_are_off_by_no_more_than_the_factor(seed: int, error: float) -> None:
    made = rebuild(nodes({"a": [], "b": []}, {}), seed=seed, error=error)
    for job in made.jobs:
        factor = made.estimated.priority[job.key] / job.seconds
        assert 1 / error - 1e-9 <= factor <= error + 1e-9
        assert made.true.priority[job.key] == job.seconds


def apart(jobs: list[Job]) -> Workload:
    """Jobs none of which needs another."""
    alone = [Node(key=job.key, name=job.name, title=job.name, provides=frozenset()) for job in jobs]
    plain = order(alone, offered=frozenset())
    return Workload(jobs=jobs, hard={job.key: [] for job in jobs}, estimated=plain, true=plain)


def submission(count: int, seconds: float) -> list[Job]:
    return [Job(key=key, name=f"mass-{key}", seconds=seconds + key % 7, share="mass") for key in range(count)]


@pytest.mark.parametrize("asked_at", [0.0, 333.0, 20_000.0])
def test_after_three_thousand_builds_of_one_group_a_single_build_of_another_waits_for_one_slot(
    asked_at: float,
) -> None:
    single = Job(key=9999, name="single", seconds=60.0, submitted=asked_at, share="other")
    jobs = [*submission(3000, 120.0), single]
    work = apart(jobs)
    timeline = replay(work, slots(8), critical_path(work))
    assert timeline.began[9999] - asked_at <= median(job.seconds for job in jobs)


def test_a_security_build_takes_the_next_slot_although_its_own_group_is_busy() -> None:
    urgent = Job(key=9999, name="openssl", seconds=60.0, submitted=1000.0, share="mass", is_security=True)
    jobs = [*submission(500, 120.0), urgent]
    work = apart(jobs)
    timeline = replay(work, slots(4), critical_path(work))
    assert timeline.began[9999] - 1000.0 <= 127.0


def test_jobs_of_several_kinds_each_go_where_they_may() -> None:
    needs: Needs = {name: [] for name in "abcdef"}
    arm, test = {"architecture": "aarch64"}, {"is_official": False}
    work = load(needs, dict.fromkeys(needs, 10.0), a=arm, b=arm, c=test, d={"isa_level": "x86_64-v3x"})
    fleet = [
        Slot(builder="b1", index=0, architecture="x86_64", isa_levels=frozenset(), is_official=True),
        Slot(builder="b2", index=0, architecture="x86_64", isa_levels=frozenset({"x86_64-v3x"}), is_official=True),
        Slot(builder="b3", index=0, architecture="aarch64", isa_levels=frozenset(), is_official=True),
        Slot(builder="b4", index=0, architecture="x86_64", isa_levels=frozenset(), is_official=False),
    ]
    timeline = replay(work, fleet, critical_path(work))
    assert timeline.makespan == 20.0
    assert {job.name: sum(may_meet(job.as_ready(), slot) for slot in fleet) for job in work.jobs} == {
        "a": 1,
        "b": 1,
        "c": 3,
        "d": 1,
        "e": 2,
        "f": 2,
    }
