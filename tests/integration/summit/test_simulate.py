"""`manage.py simulate`: small trees with results counted by hand, mistakes with their sentences, and the real tree."""

import json
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from summit import estimates
from summit.models import AttemptRef, BuildTask
from summit.states import TaskStatus
from tests.factories.summit import (
    AT,
    GitTree,
    make_profile,
    make_project,
    make_recipe,
    make_repository,
    make_task,
    recipe_text,
)


def simulate(*arguments: str) -> dict[str, Any]:
    output = StringIO()
    call_command("simulate", *arguments, "--json", stdout=output, stderr=StringIO())
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`app` needs `lib` needs `base`; `alone` needs nothing."""
    place = tmp_path / "tree"
    for name, needs in {"base": [], "lib": ["base"], "app": ["lib"], "alone": []}.items():
        (place / name[0] / name).mkdir(parents=True)
        (place / name[0] / name / "stone.yaml").write_text(recipe_text(name, builddeps=needs))
    return place


@pytest.fixture
def built(db: None, tree: Path) -> dict[str, float]:
    """Past builds of all four, in seconds."""
    seconds = {"base": 100.0, "lib": 50.0, "app": 10.0, "alone": 40.0}
    project = make_project()
    profile, repository = make_profile(project), make_repository(project)
    for name, value in seconds.items():
        recipe = make_recipe(repository, name)
        for factor in (0.5, 1.0, 9.0):
            make_task(recipe, profile, TaskStatus.COMPLETED, build_seconds=value * factor)
    return seconds


def test_a_small_tree_with_recorded_durations_takes_what_it_takes_by_hand(tree: Path, built: dict[str, float]) -> None:
    found = simulate("--tree", str(tree), "--slots", "2", "--durations", "recorded", "--error", "1")
    assert (found["recipes"], found["recorded"], found["unreadable"]) == (4, 4, [])
    assert found["longest_chain"] == 160.0
    assert found["work"] == 200.0
    assert found["lower_bound"] == 160.0
    for policy in found["policies"]:
        assert policy["makespan"] == 160.0
        assert policy["utilisation"] == 0.625
        assert policy["wait_median"] == 0.0


def test_one_slot_takes_the_sum_and_ours_is_first_with_the_chain(tree: Path, built: dict[str, float]) -> None:
    found = simulate("--tree", str(tree), "--slots", "1", "--durations", "recorded")
    assert {policy["policy"]: policy["ratio"] for policy in found["policies"]} == {
        "fifo": 1.0,
        "most-dependants": 1.0,
        "critical-path": 1.0,
    }


@pytest.mark.parametrize(("peak", "makespan"), [(1, 160.0), (8, 200.0), (500, 200.0)])
def test_what_past_builds_took_keeps_them_off_slots_that_are_too_small(
    tree: Path, built: dict[str, float], tmp_path: Path, peak: int, makespan: float
) -> None:
    for task in BuildTask.objects.all():
        past = AttemptRef.make(task=task, attempt=uuid4(), builder="b", slot=0, at=AT)
        past.settle(outcome="succeeded", memory_peak=peak * 2**30, disk_peak=peak * 2**30, at=AT)
    fleet = tmp_path / "fleet.yaml"
    big, small = (
        f"{{name: {size}, memory: {gib * 2**30}, disk: {100 * 2**30}}}" for size, gib in (("b", 16), ("s", 4))
    )
    fleet.write_text(f"builders: [{big}, {small}]\n")
    found = simulate("--tree", str(tree), "--fleet", str(fleet), "--durations", "recorded", "--error", "1")
    assert found["measured"] == 4
    assert [policy["makespan"] for policy in found["policies"]] == [makespan] * 3


def test_without_recorded_durations_nothing_is_asked_of_memory(tree: Path) -> None:
    assert simulate("--tree", str(tree), "--slots", "1")["measured"] == 0


def test_a_git_repository_is_read_at_its_head_and_gives_the_same(tree: Path, tmp_path: Path) -> None:
    git = GitTree(tmp_path / "git")
    for path in sorted(tree.rglob("stone.yaml")):
        git.write(str(path.relative_to(tree)), path.read_bytes())
    git.commit()
    git.write("b/base/stone.yaml", "not committed")
    assert simulate("--tree", str(git.path), "--slots", "2") == simulate("--tree", str(tree), "--slots", "2")


def test_the_same_seed_gives_the_same_and_another_gives_another(tree: Path) -> None:
    first = simulate("--tree", str(tree), "--slots", "2", "--seed", "7")
    assert first == simulate("--tree", str(tree), "--slots", "2", "--seed", "7")
    assert first["work"] != simulate("--tree", str(tree), "--slots", "2", "--seed", "8")["work"]


def test_a_recipe_that_does_not_parse_is_named_and_hides_no_other(tree: Path) -> None:
    (tree / "b" / "base" / "stone.yaml").write_text("name: [")
    found = simulate("--tree", str(tree), "--slots", "2")
    assert found["recipes"] == 3
    assert [problem.split(":")[0] for problem in found["unreadable"]] == ["b/base/stone.yaml"]


def test_the_table_for_people_shows_all_three_orders(tree: Path) -> None:
    output = StringIO()
    call_command("simulate", "--tree", str(tree), "--slots", "2", stdout=output, stderr=StringIO())
    text = output.getvalue()
    assert "4 recipes on 2 slots" in text
    assert "Lower bound" in text
    assert all(f"  {name} " in text for name in ("fifo", "most-dependants", "critical-path"))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--tree", "{tree}/nowhere", "--slots", "2"], "there is no directory"),
        (["--tree", "{tree}/empty", "--slots", "2"], "there is no readable stone.yaml in"),
        (["--tree", "{tree}", "--slots", "0"], "from 1 to 10,000"),
        (["--tree", "{tree}", "--slots", "2", "--error", "0.5"], "a factor of 1 or more"),
        (["--tree", "{tree}", "--fleet", "{tree}/fleet.yaml"], "fleet.yaml cannot be read"),
        (["--tree", "{tree}", "--fleet", "{tree}/arm.yaml"], "no slot of the fleet may build"),
        (["--tree", "{tree}"], "say how many --slots there are, or describe a --fleet"),
        (["--tree", "{tree}", "--slots", "2", "--fleet", "{tree}/arm.yaml"], "1 slots, fewer than the 2 of --slots"),
    ],
)
def test_a_mistake_is_a_sentence(arguments: list[str], why: str, tree: Path) -> None:
    (tree / "empty").mkdir()
    (tree / "arm.yaml").write_text("builders: [{name: arm, architecture: aarch64}]")
    with pytest.raises(CommandError, match=why):
        call_command("simulate", *(argument.format(tree=tree) for argument in arguments), stdout=StringIO())


def test_of_a_fleet_the_first_slots_can_be_used(tree: Path, built: dict[str, float]) -> None:
    fleet = tree / "fleet.toml"
    fleet.write_text('[[builders]]\nname = "b1"\nslots = 1\n[[builders]]\nname = "b2"\nslots = 3\n')
    asked = ("--tree", str(tree), "--durations", "recorded", "--fleet", str(fleet))
    assert {one["makespan"] for one in simulate(*asked, "--slots", "1")["policies"]} == {200.0}
    assert {one["makespan"] for one in simulate(*asked)["policies"]} == {160.0}


def test_an_empty_git_repository_is_a_mistake_too(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no default branch|no commit"):
        call_command("simulate", "--tree", str(GitTree(tmp_path / "git").path), "--slots", "2", stdout=StringIO())


def test_what_was_never_built_is_expected_to_take_as_long_as_elsewhere_or_as_the_others(
    built: dict[str, float],
) -> None:
    expected = estimates.expected(["base", "unknown"], architecture="aarch64")
    assert expected == {"base": 100.0, "unknown": estimates.DEFAULT_SECONDS}
    assert estimates.expected(["unknown"], architecture="x86_64") == {"unknown": 50.0}


@pytest.mark.django_db
def test_only_the_latest_builds_count() -> None:
    project = make_project()
    profile, recipe = make_profile(project), make_recipe(make_repository(project), "zlib")
    for seconds in (900.0, 900.0, 900.0, 1.0, 2.0, 3.0, 4.0, 5.0):
        make_task(recipe, profile, TaskStatus.COMPLETED, build_seconds=seconds)
    make_task(recipe, profile, TaskStatus.FAILED, build_seconds=1e6)
    assert estimates.recorded(["zlib"], architecture="x86_64") == {"zlib": 3.0}


@pytest.mark.real_data
def test_the_real_tree_is_rebuilt_within_a_twentieth_of_what_its_graph_allows(recipe_tree: Path) -> None:
    for slots in (8, 16):
        found = simulate("--tree", str(recipe_tree), "--slots", str(slots))
        ours = found["policies"][-1]
        assert found["recipes"] == 1737
        assert found["edges"]["staged"] > 1000, "the cycle of the toolchain is staged"
        assert ours["policy"] == "critical-path"
        assert ours["makespan"] <= 1.05 * ours["graph_bound"]
        assert all(ours["makespan"] <= other["makespan"] for other in found["policies"])
