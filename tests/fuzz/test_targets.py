"""The seeds of every fuzz target keep its promises, and get past its first lines."""

from collections.abc import Callable

import pytest

from serpent_infra.formats.index import read_index
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.recipe import parse_recipe
from serpent_infra.formats.stone.package import verify_package
from tests.fuzz.targets import TARGETS, stones, with_right_checksums


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_keep_the_promises(name: str) -> None:
    target = TARGETS[name]
    seeds = list(target.seeds())
    assert seeds
    for seed in seeds:
        target.check(seed)
        target.check(seed[:-1])
        target.check(seed + b"\xff")


def test_seeds_are_what_the_strict_readers_take() -> None:
    readers: list[Callable[[bytes], object]] = [verify_package, decode_manifest, read_index]
    for number, seed in enumerate(stones()):
        assert readers[number % 3](with_right_checksums(seed))
    for seed in TARGETS["recipe"].seeds():
        assert parse_recipe(seed.partition(b"\xff")[0]).name
