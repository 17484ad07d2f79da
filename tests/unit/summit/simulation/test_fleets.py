"""Descriptions of fleets: what they say, and how a wrong one is refused."""

from pathlib import Path

import pytest

from summit.simulation.fleets import BadFleet, read_fleet

YAML = """\
builders:
  - {name: big, slots: 2, memory: 64000000000, isa_levels: [x86_64-v3x]}
  - {name: arm, architecture: aarch64, tier: test}
"""
TOML = """\
[[builders]]
name = "big"
slots = 2
memory = 64000000000
isa_levels = ["x86_64-v3x"]

[[builders]]
name = "arm"
architecture = "aarch64"
tier = "test"
"""


@pytest.mark.parametrize(("name", "text"), [("fleet.yaml", YAML), ("fleet.yml", YAML), ("fleet.toml", TOML)])
def test_a_fleet_is_read_from_yaml_and_toml_alike(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    slots = read_fleet(tmp_path / name)
    assert [(slot.builder, slot.index, slot.architecture, slot.is_official) for slot in slots] == [
        ("big", 0, "x86_64", True),
        ("big", 1, "x86_64", True),
        ("arm", 0, "aarch64", False),
    ]
    assert (slots[0].memory_limit, slots[0].isa_levels) == (64_000_000_000, frozenset({"x86_64-v3x"}))


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("f.yaml", "[]", "a list `builders` is expected"),
        ("f.yaml", "builders: []", "length >= 1"),
        ("f.yaml", "builders: [{slots: 2}]", "required field `name`"),
        ("f.yaml", "builders: [{name: a, cores: 2}]", "unknown field `cores`"),
        ("f.yaml", "builders: [{name: a, slots: 0}]", r"builders\[0\].slots"),
        ("f.yaml", "builders: [{name: a, tier: best}]", "the tier of a is 'best'; it is official or test"),
        ("f.yaml", "builders: [{name: a}, {name: a}]", "two builders are named a"),
        ("f.yaml", "builders: [", "while parsing"),
        ("f.yaml", "builders: !!python/object:os.system []", "could not determine a constructor"),
        ("f.toml", "builders = [", "Invalid value"),
        ("f.json", "{}", "a .toml, .yaml or .yml file"),
    ],
)
def test_a_wrong_description_says_where_and_why(name: str, text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadFleet, match=why) as caught:
        read_fleet(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFleet, match=r"none\.yaml cannot be read: No such file"):
        read_fleet(tmp_path / "none.yaml")
